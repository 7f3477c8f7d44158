"""Fill the local pointing cache for January 2020 without a network: python pointing_cache.py

Every 3 h have the record that is part of the package. The environment variable ``ASTROPY_CACHE_DIR`` (before astropy 8
``XDG_CACHE_HOME``) is the cache. Recipes with ``source = "auto"``, such as the built-in ones, then need no network.
"""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from astropy.time import Time, TimeDelta

from aia_ccdproc.pointing.cache import PointingCache
from aia_ccdproc.pointing.months import Month
from aia_ccdproc.pointing.table import read_pointing_table
from aia_ccdproc.synthetic import builtin_pointing_path

_RECORDS = 31 * 8

record = read_pointing_table(builtin_pointing_path()).table
starts = Time("2020-01-01T00:00:00") + TimeDelta(3 / 24, format="jd") * np.arange(_RECORDS + 1)
records = Table({name: np.repeat(record[name], _RECORDS) for name in record.colnames})
records["T_START"], records["T_STOP"] = ([f"{time}Z" for time in times.isot] for times in (starts[:-1], starts[1:]))
PointingCache().store(Month("2020-01"), records, Time.now())
