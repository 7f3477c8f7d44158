"""The local cache of pointing records on disk: one ECSV file per server and month.

A file contains all records of a server that are valid in its month. It is replaced by an atomic rename: a reader sees
either the old or the new file, and processes that fetch the same month need no lock. The metadata contain the time of
the fetch and a digest of this time and of the rows. A file with another digest is damaged.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from astropy.io import ascii as ascii_tables
from astropy.table import Table, vstack
from astropy.time import Time, TimeDelta

from aia_ccdproc.errors import PointingError, PointingWarning, TableError, warn_user
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.pointing.months import Month
from aia_ccdproc.pointing.table import PointingTable, read_pointing_table
from aia_ccdproc.tables.disk_cache import cache_folder

__all__ = ["PointingCache", "is_final"]

#: JSOC may still change a record that ended less than this time ago.
_SETTLING_TIME = TimeDelta(7, format="jd")
#: A record covers 6 h when it is published, and is later cut to the usual 3 h. A margin of one minute is added here.
_USUAL_DURATION = TimeDelta(3 / 24 + 1 / 1440, format="jd")


class PointingCache:
    """The cached records of one server, in ``aia_ccdproc/pointing`` in astropy's cache folder.

    Parameters
    ----------
    server : str
        Name of the server.

    Raises
    ------
    PointingError
        If astropy's cache folder cannot be used.
    """

    def __init__(self, server: str = "JSOC") -> None:
        try:
            self.folder = cache_folder("pointing", server)
        except TableError as error:
            raise PointingError(str(error)) from error

    @classmethod
    def of_all_servers(cls) -> list[PointingCache]:
        """Return the caches of all servers from which records were fetched.

        Returns
        -------
        list of `PointingCache`
            The caches, sorted by folder. Only the empty cache of JSOC if no records were fetched.
        """
        jsoc = cls()
        return [cls(path.name) for path in sorted(jsoc.folder.parent.glob("*/"))] or [jsoc]

    def path(self, month: Month) -> Path:
        """Return the path of a month's file.

        Parameters
        ----------
        month : `~aia_ccdproc.pointing.months.Month`
            The month.

        Returns
        -------
        `~pathlib.Path`
            The path; the file may not exist.
        """
        return self.folder / f"{month}.ecsv"

    def months(self) -> list[Month]:
        """Return the months that have a file, damaged files included.

        Returns
        -------
        list of `~aia_ccdproc.pointing.months.Month`
            The months, sorted.
        """
        return sorted(Month(path.stem) for path in self.folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].ecsv"))

    def load(self, month: Month) -> PointingTable | None:
        """Read the records of a month. A file that is damaged or of version 0.1 is removed with a warning.

        Parameters
        ----------
        month : `~aia_ccdproc.pointing.months.Month`
            The month.

        Returns
        -------
        `PointingTable` or None
            The records, or None if the file does not exist or was removed.
        """
        path = self.path(month)
        if not path.exists():
            return None
        try:
            table = read_pointing_table(path)
        except PointingError as error:
            _discard(path, f"is damaged: {error}")
            return None
        digest = table.table.meta.get("digest")
        if digest == _digest(table, table.table.meta.get("fetched")):
            return table
        if digest == table.digest:
            _discard(path, "was written by version 0.1, whose digest does not include the time of the fetch")
        else:
            _discard(path, "is damaged: its digest is not that of its content")
        return None

    def store(self, month: Month, records: Table, fetched: Time) -> None:
        """Write the records of a month. Final records of the old file that the server no longer has are kept.

        Parameters
        ----------
        month : `~aia_ccdproc.pointing.months.Month`
            The month.
        records : `~astropy.table.Table`
            The fetched records; the metadata of the table are replaced.
        fetched : `~astropy.time.Time`
            Time of the fetch.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        old = self.load(month)
        if old is not None:
            is_settled = Time(old.table.meta["fetched"], scale="utc") - old.stop > _SETTLING_TIME
            lost = old.table[is_settled & ~np.isin(old.table["T_START"], records["T_START"])]
            if len(lost):
                records = vstack([records, lost], metadata_conflicts="silent")
                records.sort("T_START")
        time = fetched.utc.isot
        records.meta = {"fetched": time, "digest": _digest(PointingTable(records), time)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path(month)) as temporary:
            ascii_tables.write(records, temporary, format="ecsv", overwrite=True)

    def clear(self) -> int:
        """Remove the files of all months, and temporary files that killed processes left.

        Returns
        -------
        int
            Number of removed files.
        """
        files = [*self.folder.glob("*.ecsv"), *self.folder.glob(".*.tmp*")]
        for path in files:
            path.unlink(missing_ok=True)
        return len(files)


def _digest(table: PointingTable, fetched: object) -> str:
    return hashlib.sha256(f"{fetched} {table.digest}".encode()).hexdigest()


def _discard(path: Path, reason: str) -> None:
    warn_user(f"the pointing cache file {path.name} {reason}. It is removed and will be fetched again", PointingWarning)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def is_final(table: PointingTable, time: Time) -> bool:
    """Return whether the record of a time is final: JSOC will not change it any more.

    Parameters
    ----------
    table : `PointingTable`
        Records of a month, from the cache.
    time : `~astropy.time.Time`
        A time in the month.

    Returns
    -------
    bool
        True if the valid record ended more than a week before the fetch, and has the usual duration of 3 h or is
        followed by another record. In a gap between records, True if another record follows and the time was more than
        a week before the fetch.
    """
    fetched = Time(table.table.meta["fetched"], scale="utc")
    is_followed = bool(np.any(table.start > time))
    row = table.find_row(time)
    if row is None:
        return is_followed and bool(fetched - time > _SETTLING_TIME)
    has_usual_duration = table.stop[row] - table.start[row] <= _USUAL_DURATION
    return bool(fetched - table.stop[row] > _SETTLING_TIME and (is_followed or has_usual_duration))
