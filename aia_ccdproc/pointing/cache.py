"""The local cache of pointing records: a folder of ECSV files, one for each month and server.

A file holds all records that hold in its month, as JSOC gave them, and is only ever replaced whole: by a rename, so
that a reader sees the old file or the new one, and writers that fetched the same month do not need to know of each
other. Its metadata say when it was fetched, and a digest of the rows by which a damaged file is told.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from astropy.config import get_cache_dir
from astropy.io import ascii as ascii_tables
from astropy.table import Table, vstack
from astropy.time import Time, TimeDelta

from aia_ccdproc.errors import PointingError, PointingWarning
from aia_ccdproc.images.files import atomic_write
from aia_ccdproc.pointing.table import PointingTable, read_pointing_table

__all__ = ["Month", "PointingCache"]

#: A record younger than this, in days, may still be changed by JSOC.
_SETTLED = TimeDelta(7, format="jd")
#: A record is given a provisional 6 h when it is published, and later cut to 3 h. With a margin of a minute.
_USUAL = TimeDelta(3 / 24 + 1 / 1440, format="jd")


class Month(str):
    """A month, as ``2020-01``."""

    @classmethod
    def of(cls, time: Time) -> Month:
        """Tell the month a time is in, UTC.

        Parameters
        ----------
        time : `~astropy.time.Time`
            The time.

        Returns
        -------
        Month
            The month.
        """
        return cls(time.utc.isot[:7])

    @property
    def start(self) -> Time:
        """When it begins.

        Returns
        -------
        `~astropy.time.Time`
            Midnight before its first day, UTC.
        """
        return Time(f"{self}-01T00:00:00", scale="utc")

    @property
    def end(self) -> Time:
        """When the next one begins.

        Returns
        -------
        `~astropy.time.Time`
            Midnight after its last day, UTC.
        """
        return self.next.start

    @property
    def next(self) -> Month:
        """The next one.

        Returns
        -------
        Month
            The month after it.
        """
        year, month = int(self[:4]), int(self[5:])
        return Month(f"{year + month // 12}-{month % 12 + 1:02d}")


class PointingCache:
    """The records that were fetched from one server.

    Parameters
    ----------
    server : str
        Name of the server.
    folder : path-like, optional
        Where the months lie; by default ``aia_ccdproc/pointing`` in astropy's cache folder.
    """

    def __init__(self, server: str = "JSOC", folder: Path | None = None) -> None:
        try:
            top = folder or Path(get_cache_dir()) / "aia_ccdproc" / "pointing"
        except OSError as error:
            raise PointingError(f"astropy's cache folder cannot be used: {error}") from error
        self.folder = top / "".join(c if c.isalnum() or c in ".-" else "_" for c in server)

    def path(self, month: Month) -> Path:
        """Give the file of a month.

        Parameters
        ----------
        month : `Month`
            The month.

        Returns
        -------
        `~pathlib.Path`
            Its path, whether it is there or not.
        """
        return self.folder / f"{month}.ecsv"

    def months(self) -> list[Month]:
        """List the months that are there, damaged ones too.

        Returns
        -------
        list of `Month`
            In order.
        """
        return sorted(Month(path.stem) for path in self.folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].ecsv"))

    def load(self, month: Month) -> PointingTable | None:
        """Read a month.

        Parameters
        ----------
        month : `Month`
            The month.

        Returns
        -------
        `PointingTable` or None
            Its records, or None if it has not been fetched, or its file is damaged: then there is a warning, and the
            file is removed.
        """
        path = self.path(month)
        if not path.exists():
            return None
        try:
            table = read_pointing_table(path)
        except PointingError as error:
            self._discard(path, str(error))
            return None
        if table.table.meta.get("digest") != table.digest or "fetched" not in table.table.meta:
            self._discard(path, "its digest is not that of its rows")
            return None
        return table

    @staticmethod
    def _discard(path: Path, why: str) -> None:
        warnings.warn(
            f"the pointing cache file {path.name} is damaged, and is removed to be fetched anew: {why}",
            PointingWarning,
            stacklevel=3,
        )
        with suppress(OSError):
            path.unlink(missing_ok=True)

    def store(self, month: Month, records: Table, fetched: Time) -> None:
        """Keep the records of a month, and with them those that were final before and are not among them now.

        Parameters
        ----------
        month : `Month`
            The month.
        records : `~astropy.table.Table`
            What was fetched of it.
        fetched : `~astropy.time.Time`
            When.
        """
        before = self.load(month)
        if before is not None:
            old = Time(before.table.meta["fetched"], scale="utc") - before.stop > _SETTLED
            lost = before.table[old & ~np.isin(before.table["T_START"], records["T_START"])]
            if len(lost):
                records = vstack([records, lost], metadata_conflicts="silent")
                records.sort("T_START")
        records.meta = {"fetched": fetched.utc.isot, "digest": PointingTable(records).digest}
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path(month)) as temporary:
            ascii_tables.write(records, temporary, format="ecsv", overwrite=True)

    def clear(self) -> int:
        """Remove all months, and what a killed process may have left.

        Returns
        -------
        int
            How many files were removed.
        """
        files = [*self.folder.glob("*.ecsv"), *self.folder.glob(".*.tmp*")]
        for path in files:
            path.unlink(missing_ok=True)
        return len(files)

    @classmethod
    def all(cls) -> list[PointingCache]:
        """List the caches of all servers.

        Returns
        -------
        list of `PointingCache`
            In the order of their folders; that of JSOC if there is none.
        """
        top = cls().folder.parent
        return [cls(path.name) for path in sorted(top.glob("*/"))] or [cls()]


def records_of(month: Month, records: Table) -> Table:
    """Take the records out of a table that hold in a month.

    Parameters
    ----------
    month : `Month`
        The month.
    records : `~astropy.table.Table`
        Records, sorted by T_START.

    Returns
    -------
    `~astropy.table.Table`
        Those, and the one that follows: it shows that the one before is no longer provisional.
    """
    if not len(records):
        return records
    whole = PointingTable(records)
    rows = np.flatnonzero((whole.stop > month.start) & (whole.start < month.end))
    return records[rows[0] : rows[-1] + 2] if rows.size else records[:0]


def is_final(table: PointingTable, time: Time) -> bool:
    """Tell whether what a fetched table says of a time will not change any more.

    Parameters
    ----------
    table : `PointingTable`
        A month of the cache.
    time : `~astropy.time.Time`
        The time.

    Returns
    -------
    bool
        True if the record that holds then was a week old when it was fetched, and either another follows it or it has
        been cut to its usual 3 h. For a gap, if a record follows it.
    """
    fetched = Time(table.table.meta["fetched"], scale="utc")
    follows = bool(np.any(table.start > time))
    rows = np.flatnonzero((table.start <= time) & (time < table.stop))
    if not rows.size:
        return follows and fetched - time > _SETTLED
    row = rows[np.argmax(table.start[rows].mjd)]
    usual = table.stop[row] - table.start[row] <= _USUAL
    return bool(fetched - table.stop[row] > _SETTLED and (follows or usual))
