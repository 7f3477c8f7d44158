"""Tile-compressed outputs: what other software needs to read them."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scenes import small_exposure, small_sun

from aia_ccdproc import read, write
from aia_ccdproc.images.dithering import dither_rows, dithering_numbers
from aia_ccdproc.images.fits_hdu import Plane
from aia_ccdproc.images.gzip_tiles import gzip_parts, pack_tile
from aia_ccdproc.images.quantized_rows import encode_by_astropy
from aia_ccdproc.images.tile_encoding import encode_lossless, encode_rice
from aia_ccdproc.images.tile_table import write_tile_table
from aia_ccdproc.parallel import limit_threads


def written(array: np.ndarray, header: fits.Header | None = None, compression: str = "lossless") -> BytesIO:
    """Write a compressed plane behind an empty primary HDU."""
    content = BytesIO()
    fits.PrimaryHDU().writeto(content)
    table = encode_lossless(array) if compression == "lossless" else encode_rice(array, None, 16)
    write_tile_table(content, Plane(array, header or fits.Header()), table)
    return BytesIO(content.getvalue())


# -- gzip ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=3000), st.integers(0, 70000).map(bytes)), max_size=5), st.integers(0, 99))
def test_parts_are_unpacked_by_gzip(parts: list[bytes], seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(seed * 1500)
    packed = gzip_parts([*parts, noise])
    assert gzip.decompress(packed) == b"".join(parts) + noise
    assert packed == gzip_parts([*parts, noise])


def test_noise_is_stored_and_the_rest_is_compressed() -> None:
    noise, zeros = np.random.default_rng(0).bytes(16384), bytes(16384)
    assert 0 < len(gzip_parts([noise, noise])) - 2 * len(noise) < 40
    assert len(gzip_parts([zeros, noise, zeros])) < len(noise) + 200
    assert len(gzip_parts([bytes(n % 17 for n in range(16384))])) < 16384 * 0.6


def test_a_tile_contains_the_first_bytes_of_all_pixels_then_the_second_ones() -> None:
    pixels = np.array([[1.0, -2.5], [np.nan, 3e38]], np.float32)
    raw = pixels.astype(">f4").tobytes()
    assert gzip.decompress(pack_tile(pixels)) == raw[::4] + raw[1::4] + raw[2::4] + raw[3::4]


# -- files ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)), st.integers(0, 2**32), st.sampled_from([np.uint8, np.float32])
)
def test_every_bit_of_an_image_of_any_shape_is_read_back_by_astropy(
    shape: tuple[int, int], seed: int, kind: type
) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**32, shape, dtype=np.uint32)
    array = bits.astype(np.uint8) if kind is np.uint8 else bits.view(np.float32)
    with fits.open(written(array), checksum=True) as hdus:
        assert hdus[1].data.astype(kind).tobytes() == array.tobytes()


@settings(deadline=None, max_examples=30)
@given(npst.arrays(np.float32, (5, 64), elements=st.one_of(st.floats(-1e3, 1e3, width=32), st.just(np.nan))))
def test_rows_with_and_without_noise_are_rounded_to_half_a_level(array: np.ndarray) -> None:
    array[:2] += np.random.default_rng(0).normal(0, 100, (2, 64)).astype(np.float32)
    content = written(array, compression="rice")
    with fits.open(content) as hdus, fits.open(BytesIO(content.getvalue()), disable_image_compression=True) as tables:
        data, scales = hdus[1].data, tables[1].data["ZSCALE"]
    assert np.array_equal(np.isnan(data), np.isnan(array))
    limit = np.where(scales > 0, scales / 2, 0) * (1 + 1e-5) + np.where(scales > 0, 1e-4, 0)
    assert (np.nan_to_num(np.abs(data - array)) <= limit[:, np.newaxis]).all()
    assert np.array_equal(data[scales == 0], array[scales == 0], equal_nan=True)


def test_a_part_of_an_image_is_read_without_the_rest() -> None:
    array = np.random.default_rng(0).normal(0, 1, (400, 500)).astype(np.float32)
    content = bytearray(written(array).getvalue())
    with fits.open(BytesIO(content)) as hdus:
        expected = hdus[1].section[130:140, 260:270]
    with fits.open(BytesIO(content), disable_image_compression=True) as hdus:
        table, place = hdus[1].data, hdus[1].fileinfo()["datLoc"] + hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
        length = len(table[0]["COMPRESSED_DATA"])
    content[place : place + length] = bytes(length)  # the first tile
    with fits.open(BytesIO(content)) as hdus:
        assert np.array_equal(hdus[1].section[130:140, 260:270], expected)
        assert np.array_equal(expected, array[130:140, 260:270])


@pytest.mark.skipif(shutil.which("funpack") is None, reason="funpack of CFITSIO is not installed")
@pytest.mark.parametrize("compression", ["rice", "lossless"])
def test_cfitsio_unpacks_what_astropy_reads(tmp_path: Path, compression: str) -> None:
    ccd = small_exposure().image(small_sun(), noise=1)
    ccd.data = ccd.data * np.float32(0.7)
    ccd.data[:2] = 7
    ccd.mask = ccd.data > 50
    ccd.uncertainty = StdDevUncertainty(np.sqrt(np.abs(ccd.data)))
    ccd.data[5, 5:50] = np.nan
    path = write(ccd, tmp_path / "a.fits", compression=compression)
    subprocess.run(["funpack", "-O", tmp_path / "b.fits", path], check=True)
    with fits.open(path) as packed, fits.open(tmp_path / "b.fits") as unpacked:
        assert len(packed) == len(unpacked) == 4
        for one, other in zip(packed[1:], unpacked[1:], strict=True):
            assert np.array_equal(one.data, other.data, equal_nan=one.data.dtype.kind == "f")
            assert one.header.get("EXTNAME") == other.header.get("EXTNAME")


@pytest.mark.parametrize("compression", ["rice", "lossless"])
def test_the_header_of_the_table_has_what_the_standard_requires(tmp_path: Path, compression: str) -> None:
    ccd = small_exposure().image(small_sun(), noise=1)
    ccd.data = ccd.data * np.float32(0.7)
    ccd.header["TUNIT1"] = "of a table"
    ccd.header.extend([("HISTORY", "first"), ("HISTORY", "second")])
    path = write(ccd, tmp_path / "a.fits", compression=compression)
    with fits.open(path, disable_image_compression=True) as hdus:
        table = hdus[1].header
    required = {
        "XTENSION": "BINTABLE",
        "BITPIX": 8,
        "NAXIS": 2,
        "GCOUNT": 1,
        "ZIMAGE": True,
        "ZBITPIX": -32,
        "ZNAXIS": 2,
    }
    assert {key: table[key] for key in required} == required
    assert list(table)[:8] == ["XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS"]
    assert (table["ZNAXIS1"], table["ZNAXIS2"]) == (320, 300)
    assert (table["ZTILE1"], table["ZTILE2"]) == ((320, 1) if compression == "rice" else (128, 128))
    assert table["NAXIS2"] == (300 if compression == "rice" else 9)
    assert "TUNIT1" not in table
    header = read(path).header
    assert not [key for key in header if key.startswith(("ZTILE", "ZNAXIS", "TTYPE", "TFORM", "ZCMP", "ZQUANT"))]
    assert header["TELESCOP"] == "SDO/AIA"
    assert list(header["HISTORY"])[:2] == ["first", "second"]


def test_the_time_to_write_a_header_grows_with_its_length_only() -> None:
    array = np.zeros((4, 4), np.float32)

    def seconds(count: int) -> float:
        header = fits.Header([(f"K{number}", number) for number in range(count)])
        start = time.thread_time()
        written(array, header)
        return time.thread_time() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (500, 4000))
    assert many < 30 * few  # 64 times, if it grew with the square


@pytest.mark.parametrize("compression", ["rice", "lossless"])
def test_tiles_do_not_depend_on_the_number_of_threads(compression: str) -> None:
    array = small_exposure().image(small_sun(), noise=1).data
    contents = []
    for count in (1, 5):
        limit_threads(count)
        contents.append(encode_lossless(array).heap if compression == "lossless" else encode_rice(array, None, 16).heap)
    limit_threads(None)
    assert contents[0] == contents[1]


# -- dithering -----------------------------------------------------------------------------------


def test_the_random_numbers_are_those_of_the_standard() -> None:
    numbers = dithering_numbers()
    assert numbers.size == 10000
    # The last seed, which the standard gives to check an implementation.
    assert numbers[-1] == np.float32(1043618065 / (2**31 - 1))


def test_dithered_rows_are_restored_without_bias() -> None:
    rows = np.random.default_rng(0).normal(50, 4, (3, 2000)).astype(np.float32)
    encoded = encode_by_astropy(rows, 4, 20)
    with fits.open(written(rows, compression="rice")) as hdus:
        difference = hdus[1].data - rows
    assert abs(difference.mean()) < 4 / 16 / np.sqrt(12 * rows.size) * 4
    assert dither_rows(np.array([20, 21]), 2000).shape == (2, 2000)
    assert (encoded.scales > 0).all()
