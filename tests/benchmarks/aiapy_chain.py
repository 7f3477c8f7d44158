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


def read_table(path: str | Path) -> QTable:
    """Read a pointing table that aiapy accepts."""
    table = QTable.read(path)
    for column in ("T_START", "T_STOP"):
        table[column] = Time([text.removesuffix("Z") for text in table[column]])
    return table


def main(method: str, table_path: str, out: str, *files: str) -> None:
    """Process the files."""
    warnings.simplefilter("ignore")  # sunpy warns about the headers of the files
    table = read_table(table_path)
    for file in files:
        image = register(update_pointing(sunpy.map.Map(file), pointing_table=table), method=method)
        (image / image.exposure_time).save(Path(out) / Path(file).name)


if __name__ == "__main__":
    main(*sys.argv[1:])
