"""Binary tables that contain the tiles of compressed images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.fits_checksum import sum_words
from aia_ccdproc.images.fits_hdu import Plane, write_hdu

__all__ = ["TileTable", "write_tile_table"]

#: Cards of an image that would describe the table.
_TABLE_CARD = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|BLOCKED|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|EXTNAME"
    r"|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|DIM|BCOL)\d+)$"
)
#: Name of an extension that contains a compressed image. Software that reads the image does not show it.
_DEFAULT_NAME = "COMPRESSED_IMAGE"


class TileTable(NamedTuple):
    """The tiles of a plane."""

    algorithm: str
    """Value of ZCMPTYPE."""
    cards: list[tuple[str, Any, str]]
    """Cards that describe the compression further."""
    tile_shape: tuple[int, int]
    columns: dict[str, np.ndarray]
    """Values for each tile by the name of the column. Columns of shape ``(tiles, 2)`` contain number of bytes and first
    byte of a tile in the heap."""
    heap: list[bytes]
    """The compressed tiles. The lengths of all parts are multiples of 4 bytes."""


def write_tile_table(stream: BufferedIOBase, plane: Plane, table: TileTable) -> None:
    """Write a compressed plane.

    Parameters
    ----------
    stream : `~io.BufferedIOBase`
        File that is open for writing.
    plane : `Plane`
        The plane.
    table : `TileTable`
        Its tiles.

    References
    ----------
    FITS Standard 4.0, section 10.
    """
    rows, formats = _rows(table)
    structure = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "8-bit bytes"),
        ("NAXIS", 2, "2-dimensional table"),
        ("NAXIS1", rows.itemsize, "width of table in bytes"),
        ("NAXIS2", rows.size, "number of rows in table"),
        ("PCOUNT", sum(map(len, table.heap)), "number of bytes of the compressed tiles"),
        ("GCOUNT", 1, "one data group"),
        ("TFIELDS", len(formats), "number of columns"),
    ]
    for number, (name, form) in enumerate(formats.items(), 1):
        structure += [(f"TTYPE{number}", name, ""), (f"TFORM{number}", form, "")]
    structure += [*_image_cards(plane.array, table), *table.cards, ("EXTNAME", plane.name or _DEFAULT_NAME, "")]
    others = [card for card in plane.header.cards if not _TABLE_CARD.match(card.keyword)]
    write_hdu(stream, fits.Header([*structure, *others]), _parts(rows, table.heap))


def _rows(table: TileTable) -> tuple[np.ndarray, dict[str, str]]:
    """Return the rows of a table, and the formats of its columns."""
    letter, pointer = ("P", ">i4") if sum(map(len, table.heap)) < 2**31 else ("Q", ">i8")
    fields: list[Any] = []
    formats = {}
    for name, values in table.columns.items():
        is_pointer = values.ndim == 2
        fields.append((name, pointer, (2,)) if is_pointer else (name, ">f8"))
        formats[name] = f"1{letter}B({values[:, 0].max()})" if is_pointer else "1D"
    rows = np.zeros(len(next(iter(table.columns.values()))), fields)
    for name, values in table.columns.items():
        rows[name] = values
    return rows, formats


def _image_cards(array: np.ndarray, table: TileTable) -> list[tuple[str, Any, str]]:
    """Return the cards that describe the image."""
    (ny, nx), (tile_rows, tile_columns) = array.shape, table.tile_shape
    return [
        ("ZIMAGE", True, "extension contains a compressed image"),
        ("ZTENSION", "IMAGE", "image extension"),
        ("ZBITPIX", -32 if array.dtype.kind == "f" else 8, "data type of the image"),
        ("ZNAXIS", 2, "dimension of the image"),
        ("ZNAXIS1", nx, "columns of the image"),
        ("ZNAXIS2", ny, "rows of the image"),
        ("ZPCOUNT", 0, "no group parameters"),
        ("ZGCOUNT", 1, "one data group"),
        ("ZTILE1", tile_columns, "columns of a tile"),
        ("ZTILE2", tile_rows, "rows of a tile"),
        ("ZCMPTYPE", table.algorithm, "compression algorithm"),
    ]


def _parts(rows: np.ndarray, heap: list[bytes]) -> Iterator[tuple[bytes, int]]:
    for part in (rows.tobytes(), *heap):
        yield part, sum_words(part)
