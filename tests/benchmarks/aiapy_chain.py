"""The chain of a user of aiapy, as a plain script: python aiapy_chain.py METHOD TABLE OUT FILES...

It reads each file, corrects the pointing with a table, registers, divides by the exposure time, and writes a file.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import sunpy.map
from aiapy.calibrate import register, update_pointing
from astropy.table import QTable
from astropy.time import Time

warnings.simplefilter("ignore")  # sunpy warns about the headers of the files
method, table_path, out, *files = sys.argv[1:]
table = QTable.read(table_path)
for column in ("T_START", "T_STOP"):
    table[column] = Time([text.removesuffix("Z") for text in table[column]])
for file in files:
    image = register(update_pointing(sunpy.map.Map(file), pointing_table=table), method=method)
    (image / image.exposure_time).save(Path(out) / Path(file).name)
