"""Calendar months, the unit in which pointing records are fetched and cached."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from astropy.table import Table
from astropy.time import Time

from aia_ccdproc.pointing.table import SERIES, PointingTable

__all__ = ["Month", "consecutive_months", "describe_months", "records_in_month"]


class Month(str):
    """A month in UTC, written ``2020-01``."""

    @classmethod
    def of(cls, time: Time) -> Month:
        """Return the month that contains a time.

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
        """Start of the month.

        Returns
        -------
        `~astropy.time.Time`
            00:00 UTC of the first day.
        """
        return Time(f"{self}-01T00:00:00", scale="utc")

    @property
    def end(self) -> Time:
        """End of the month.

        Returns
        -------
        `~astropy.time.Time`
            00:00 UTC of the first day of the next month.
        """
        return self.next.start

    @property
    def next(self) -> Month:
        """The next month.

        Returns
        -------
        Month
            The month.
        """
        year, month = int(self[:4]), int(self[5:])
        return Month(f"{year + month // 12}-{month % 12 + 1:02d}")


def consecutive_months(months: list[Month], longest: int) -> list[list[Month]]:
    """Group months that follow each other, so that one query can fetch a group.

    Parameters
    ----------
    months : list of Month
        Different months, sorted.
    longest : int
        Maximum number of months in a group.

    Returns
    -------
    list of list of Month
        The groups, sorted.
    """
    groups = [months[:1]] if months else []
    for previous, month in pairwise(months):
        if previous.next == month and len(groups[-1]) < longest:
            groups[-1].append(month)
        else:
            groups.append([month])
    return groups


def describe_months(months: list[Month]) -> str:
    """Write the first and the last of some months.

    Parameters
    ----------
    months : list of Month
        At least one month, in any order.

    Returns
    -------
    str
        ``"2020-01 to 2020-03"``, or ``"2020-01"`` if it is the only one.
    """
    return " to ".join(dict.fromkeys((min(months), max(months))))


def records_in_month(records: Table, month: Month) -> Table:
    """Select the records that are valid in a month, and the record after them.

    The record after them shows that the last one before it is no longer provisional.

    Parameters
    ----------
    records : `~astropy.table.Table`
        Records with the columns T_START and T_STOP, sorted by T_START.
    month : Month
        The month.

    Returns
    -------
    `~astropy.table.Table`
        The selected records; empty if none is valid in the month.
    """
    if not len(records):
        return records
    table = PointingTable(records, SERIES)
    rows = np.flatnonzero((table.stop > month.start) & (table.start < month.end))
    return records[rows[0] : rows[-1] + 2] if rows.size else records[:0]
