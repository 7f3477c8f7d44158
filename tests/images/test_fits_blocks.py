"""Files that would need too much memory, and compressed files of every kind."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scenes import small_exposure, small_sun

from aia_ccdproc import PrepWarning, ReadError, read
from aia_ccdproc.images import fits_blocks

EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))
#: 16 MiB of zeros, as a gzip member of 16 kB.
ZEROS = gzip.compress(bytes(2**24))


@pytest.fixture
def level1(tmp_path: Path) -> bytes:
    ccd = EXPOSURE.image(small_sun())
    fits.PrimaryHDU(np.rint(ccd.data).astype(np.int16), ccd.header).writeto(tmp_path / "level1.fits")
    return (tmp_path / "level1.fits").read_bytes()


@pytest.fixture
def start_memory() -> Iterator[list[int]]:
    """Trace the memory that Python and numpy allocate in a test. The list contains the bytes at its start."""
    tracemalloc.start()
    yield [tracemalloc.get_traced_memory()[0]]
    tracemalloc.stop()


def check_memory(before: list[int], most: int) -> None:
    assert tracemalloc.get_traced_memory()[1] - before[0] < most


def with_size(raw: bytes, columns: int, rows: int) -> bytes:
    for keyword, old, new in ((b"NAXIS1", 50, columns), (b"NAXIS2", 40, rows)):
        card = b"%-8s= %20d" % (keyword, old)
        assert card in raw
        raw = raw.replace(card, b"%-8s= %20d" % (keyword, new), 1)
    return raw


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_give_the_same_image(tmp_path: Path, level1: bytes, pack) -> None:
    path = tmp_path / "packed.fits"
    path.write_bytes(pack(level1))
    assert np.array_equal(read(path).data, read(tmp_path / "level1.fits").data)


def test_cards_of_a_compressed_file_are_repaired(tmp_path: Path, level1: bytes) -> None:
    path = tmp_path / "packed.fits.gz"
    card = b"ACS_MODE= 'SUN\tPOINT'".ljust(80)
    at = level1.index(b"ACS_MODE= ")
    path.write_bytes(gzip.compress(level1[:at] + card + level1[at + 80 :]))
    with pytest.warns(PrepWarning, match="ACS_MODE repaired"):
        ccd = read(path)
    assert ccd.header["ACS_MODE"] == "SUN POINT"
    assert np.array_equal(ccd.data, read(tmp_path / "level1.fits").data)


def test_what_follows_the_fits_data_in_a_gzip_file_is_not_unpacked(
    tmp_path: Path, level1: bytes, start_memory: list[int]
) -> None:
    path = tmp_path / "tail.fits.gz"
    path.write_bytes(gzip.compress(level1) + 128 * ZEROS)  # 2 GiB
    assert path.stat().st_size < 3 * 2**20
    ccd = read(path)
    check_memory(start_memory, 64 * 2**20)
    assert np.array_equal(ccd.data, read(tmp_path / "level1.fits").data)


@pytest.mark.parametrize(
    ("columns", "rows", "reason"),
    [
        (30000, 30000, r"not plausible: it would need 1717 MiB unpacked, and 512 MiB are allowed"),
        (2_000_000_000, 2_000_000_000, "not plausible"),
        (10000, 10000, r"is truncated: \d+ bytes are missing"),
    ],
)
def test_a_gzip_file_of_zeros_is_refused_before_it_is_unpacked(
    tmp_path: Path, level1: bytes, start_memory: list[int], columns: int, rows: int, reason: str
) -> None:
    path = tmp_path / "bomb.fits.gz"
    header = with_size(level1, columns, rows)
    zeros = 128 * ZEROS if columns > 10000 else ZEROS
    path.write_bytes(gzip.compress(header[: header.index(b"END" + b" " * 77) // 2880 * 2880 + 2880]) + zeros)
    if columns == 10000:  # long enough to contain the image, according to the limit of gzip's compression
        path.write_bytes(path.read_bytes() + bytes(300_000))
    with pytest.raises(ReadError, match=rf"bomb\.fits\.gz: .*({reason})"):
        read(path)
    check_memory(start_memory, 64 * 2**20 + (2**28 if columns == 10000 else 0))


def test_a_gzip_file_that_cannot_contain_its_image_is_refused_before_it_is_unpacked(
    tmp_path: Path, level1: bytes, start_memory: list[int]
) -> None:
    path = tmp_path / "short.fits.gz"
    path.write_bytes(gzip.compress(with_size(level1, 10000, 10000)))
    with pytest.raises(ReadError, match=r"short\.fits\.gz: is damaged or truncated: it cannot contain 200\d+ bytes"):
        read(path)
    check_memory(start_memory, 16 * 2**20)


def test_a_gzip_file_that_is_not_fits_is_not_unpacked(tmp_path: Path, start_memory: list[int]) -> None:
    path = tmp_path / "zeros.fits.gz"
    path.write_bytes(256 * ZEROS)  # 4 GiB
    start = time.process_time()
    with pytest.raises(ReadError, match=r"zeros\.fits\.gz: is not a FITS file"):
        read(path)
    assert time.process_time() - start < 5
    check_memory(start_memory, 64 * 2**20)


def test_a_zip_file_is_refused(tmp_path: Path, level1: bytes) -> None:
    path = tmp_path / "a.fits"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.fits", level1)
    with pytest.raises(ReadError, match="is not a FITS file"):
        read(path)


def test_an_endless_header_is_refused(tmp_path: Path, level1: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits_blocks, "_MAX_HEADER_BYTES", 20 * 2880)
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(level1[:2880] + (b"COMMENT again".ljust(80) * 36) * 100))
    with pytest.raises(ReadError, match="more than 10800 cards, or one of them has no END"):
        read(path)


#: Cards of an extension, and what is wrong with them. astropy would not come to an end with a negative size.
SIZES = {
    "GCOUNT  = -1": "GCOUNT is -1",
    "GCOUNT  = -2147483648": "GCOUNT is -2147483648",
    "PCOUNT  = -1000000": "PCOUNT is -1000000",
    "PCOUNT  = 1E30": "PCOUNT is missing or not an integer",
    "NAXIS1  = -5": "NAXIS1 is -5",
    "NAXIS2  = 1000000000000": "is truncated|not plausible",
    "NAXIS2  = '7'": "NAXIS2 is missing or not an integer",
    "NAXIS   = -1": "NAXIS is -1",
    "NAXIS   = 9999999999": "NAXIS3 is missing or not an integer",
    "BITPIX  = -1": "BITPIX is -1, not one of",
    "BITPIX  = T": "BITPIX is None, not one of",
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("card", SIZES)
def test_an_extension_without_a_usable_size_is_refused(tmp_path: Path, level1: bytes, card: str, pack) -> None:
    fits.ImageHDU(np.zeros((7, 5), np.int16), name="MASK").writeto(tmp_path / "extension.fits")
    extension = (tmp_path / "extension.fits").read_bytes()[2880:]
    assert extension.startswith(b"XTENSION")
    at = extension.index(card[:9].encode())
    path = tmp_path / "a.fits"
    path.write_bytes(pack(level1 + extension[:at] + card.ljust(80).encode() + extension[at + 80 :]))
    with pytest.raises(ReadError, match=rf"a\.fits: .*({SIZES[card]})"):
        read(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_too_many_cards_are_refused_in_one_header_or_in_many(tmp_path: Path, level1: bytes, pack) -> None:
    path = tmp_path / "a.fits"
    end = level1.index(b"END".ljust(80))
    data = level1[-(-(end + 80) // 2880) * 2880 :]
    for count in (10_000, 20_000):
        header = level1[:end] + b"".join((b"HISTORY %d" % i).ljust(80) for i in range(count)) + b"END".ljust(80)
        path.write_bytes(pack(header.ljust(-(-len(header) // 2880) * 2880) + data))
        if count == 10_000:
            assert len(read(path).header["HISTORY"]) == count
        else:
            with pytest.raises(ReadError, match=r"a\.fits: its headers have more than 10800 cards"):
                read(path)
    path.write_bytes(pack(level1 + fits.ImageHDU().header.tostring().encode() * 400))
    with pytest.raises(ReadError, match=r"a\.fits: its headers have more than 10800 cards"):
        read(path)


@pytest.mark.parametrize("unpacked", [2**20, 2**30])
def test_a_tile_that_needs_too_much_memory_is_refused_before_it_is_unpacked(
    tmp_path: Path, start_memory: list[int], unpacked: int
) -> None:
    ccd = EXPOSURE.image(small_sun())
    path = tmp_path / "tile.fits"
    image = fits.CompImageHDU(ccd.data, ccd.header, compression_type="GZIP_1", quantize_level=0, tile_shape=ccd.shape)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    assert np.array_equal(read(path).data, ccd.data)
    with fits.open(path, disable_image_compression=True) as hdus:
        info = hdus[1].fileinfo()
        width = hdus[1].header["NAXIS1"]
    raw = bytearray(path.read_bytes()[: info["datLoc"] + width])
    tile = gzip.compress(np.ascontiguousarray(ccd.data.astype(">f4")).tobytes()) + unpacked // 2**24 * ZEROS
    struct.pack_into(">ii", raw, info["datLoc"], len(tile), 0)
    at = raw.index(b"PCOUNT  =")
    raw[at : at + 80] = (b"PCOUNT  = %20d" % len(tile)).ljust(80)
    raw += tile
    path.write_bytes(bytes(raw).ljust(-(-len(raw) // 2880) * 2880, b"\0"))
    if unpacked < 2**24:
        assert np.array_equal(read(path).data, ccd.data)
        return
    with pytest.raises(ReadError, match=r"tile\.fits: .*one of its tiles would need more than 512 MiB unpacked"):
        read(path)
    check_memory(start_memory, 64 * 2**20)
