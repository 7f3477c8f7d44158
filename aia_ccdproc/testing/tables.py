"""Made-up tables of calibrations in the shape of SSW's and of JSOC's: few rows, round numbers."""

from __future__ import annotations

import io

from astropy.table import Table

__all__ = ["as_ssw", "error_table", "response_table"]

EPOCHS = [
    ("2010-03-24T00:00:00.000", "2015-05-01T12:00:00.000"),
    ("2015-05-01T12:00:00.000", "2030-05-01T00:00:00.000"),
]
CHANNELS = ("94_THIN", "131_THIN", "171_THIN", "193_THIN", "211_THIN", "304_THIN", "335_THIN", "1600", "1700")
#: By version: effective area of the two epochs, and EFFA_P1 of the second.
VERSIONS = {9: (2.0, 1.2, 0.0), 10: (2.0, 1.0, -0.0001)}


def response_table() -> Table:
    """Make a table of effective areas.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of ``aia.response``: from 2.0 to 1.0 cm2 at the second epoch, 2015-05-01T12:00, then 1e-4 of
        that less every day, in version 10; from 2.0 to 1.2 in version 9.
    """
    rows = []
    for version, (*areas, slope) in VERSIONS.items():
        for channel in CHANNELS:
            for epoch, area, p1 in zip(EPOCHS, areas, (0.0, slope), strict=True):
                rows.append(("2020-10-29T11:14:51.523", *epoch, version, channel, 1.0, area, p1, 0.0, 0.0))
    for epoch, area in zip(EPOCHS, (1.0, 0.5), strict=True):
        rows.append(("2012-02-10T01:12:01.000", *epoch, 3, "4500", 1.0, area, 0.0, 0.0, 0.0))
    names = "DATE T_START T_STOP VER_NUM WAVE_STR DNPERPHT EFF_AREA EFFA_P1 EFFA_P2 EFFA_P3"
    return Table(rows=rows, names=names.split())


def error_table() -> Table:
    """Make a table of the parameters of the noise.

    Returns
    -------
    `~astropy.table.Table`
        With the columns of SSW's error table: 1.2 DN per photon for 94, and 0.1 less for every further channel.
    """
    span = ("2010-05-01T00:00:00.000", "2050-05-01T00:00:00.000")
    rows = [
        ("2012-02-10T01:12:01.000", *span, 3, channel, 1.2 - 0.1 * n, 15.0, 0.25, 0.5, 0.02)
        for n, channel in enumerate((*CHANNELS, "4500"))
    ]
    names = "DATE T_START T_STOP VER_NUM WAVE_STR DNPERPHT COMPRESS CALERR CHIANTI EVEERR"
    return Table(rows=rows, names=names.split())


def as_ssw(table: Table) -> str:
    """Write a table as SSW's files have it.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.

    Returns
    -------
    str
        Columns with blanks between them, their names in the first line.
    """
    text = io.StringIO()
    table.write(text, format="ascii.fixed_width_no_header", delimiter=None, bookend=False)
    return " ".join(table.colnames) + "\n" + text.getvalue()
