"""Invented calibration tables with the columns of SSW's and JSOC's: few rows, round numbers."""

from __future__ import annotations

import io

from astropy.table import Table

__all__ = ["as_ssw", "error_table", "response_table"]

#: T_START and T_STOP of the two epochs.
_EPOCHS = [
    ("2010-03-24T00:00:00.000", "2015-05-01T12:00:00.000"),
    ("2015-05-01T12:00:00.000", "2030-05-01T00:00:00.000"),
]
_CHANNELS = ("94_THIN", "131_THIN", "171_THIN", "193_THIN", "211_THIN", "304_THIN", "335_THIN", "1600", "1700")
#: By version: effective area in the two epochs, in cm2, and EFFA_P1 of the second epoch.
_VERSIONS = {9: (2.0, 1.2, 0.0), 10: (2.0, 1.0, -0.0001)}


def response_table() -> Table:
    """Make a table of effective areas, like SSW's response table.

    Returns
    -------
    `~astropy.table.Table`
        Table with the columns of ``aia.response``. In version 10 the area falls from 2.0 to 1.0 cm2 at 2015-05-01T12:00
        and then by 1e-4 of that per day; in version 9 it falls from 2.0 to 1.2 cm2.
    """
    rows = []
    for version, (*areas, slope) in _VERSIONS.items():
        for channel in _CHANNELS:
            for epoch, area, p1 in zip(_EPOCHS, areas, (0.0, slope), strict=True):
                rows.append(("2020-10-29T11:14:51.523", *epoch, version, channel, 1.0, area, p1, 0.0, 0.0))
    for epoch, area in zip(_EPOCHS, (1.0, 0.5), strict=True):
        rows.append(("2012-02-10T01:12:01.000", *epoch, 3, "4500", 1.0, area, 0.0, 0.0, 0.0))
    names = "DATE T_START T_STOP VER_NUM WAVE_STR DNPERPHT EFF_AREA EFFA_P1 EFFA_P2 EFFA_P3"
    return Table(rows=rows, names=names.split())


def error_table() -> Table:
    """Make a table of noise parameters, like SSW's error table.

    Returns
    -------
    `~astropy.table.Table`
        Table with the columns of SSW's error table: 1.2 DN per photon for 94 Å, and 0.1 less for each further channel.
    """
    span = ("2010-05-01T00:00:00.000", "2050-05-01T00:00:00.000")
    rows = [
        ("2012-02-10T01:12:01.000", *span, 3, channel, 1.2 - 0.1 * n, 15.0, 0.25, 0.5, 0.02)
        for n, channel in enumerate((*_CHANNELS, "4500"))
    ]
    names = "DATE T_START T_STOP VER_NUM WAVE_STR DNPERPHT COMPRESS CALERR CHIANTI EVEERR"
    return Table(rows=rows, names=names.split())


def as_ssw(table: Table) -> str:
    """Write a table in the format of SSW's files.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.

    Returns
    -------
    str
        Columns separated by blanks, with their names in the first line.
    """
    text = io.StringIO()
    table.write(text, format="ascii.fixed_width_no_header", delimiter=None, bookend=False)
    return " ".join(table.colnames) + "\n" + text.getvalue()
