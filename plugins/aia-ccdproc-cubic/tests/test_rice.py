"""Compiled RICE_1: decoded and encoded as astropy does it, bit for bit."""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import aia_ccdproc
from aia_ccdproc import ReadError
from aia_ccdproc.images.quantized_rows import encode_by_astropy
from aia_ccdproc.images.rice_image import RiceTiles, find_rice_image
from aia_ccdproc.images.rice_reading import decode_image
from aia_ccdproc.parallel import limit_threads
from aia_ccdproc.synthetic import Exposure, Sun
from aia_ccdproc_cubic.rice import LOOPS, decode_rice, encode_rice

KINDS = {8: np.uint8, 16: np.int16, 32: np.int32}
DITHERED = {"quantize_method": 1, "dither_seed": 7}


@st.composite
def integer_images(draw: st.DrawFn) -> np.ndarray:
    """Images with quiet and noisy parts, from constant ones to differences that need all bits."""
    kind = np.iinfo(KINDS[draw(st.sampled_from([8, 16, 32]))])
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 100)))
    sigma = 2.0 ** draw(st.floats(-3, kind.bits - 1))
    image = random.normal(0.5 * kind.max * draw(st.booleans()), sigma, shape)
    quiet = draw(st.integers(0, shape[1]))
    image[:, :quiet] = draw(st.integers(kind.min, kind.max))
    image[random.random(shape) < 0.02] = kind.min
    return np.clip(image, kind.min, kind.max).astype(kind.dtype)


def compressed(image: np.ndarray, cards: dict[str, object] | None = None, **options: object) -> io.BytesIO:
    """Compress an image by astropy's RICE_1, and set cards of the table."""
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type="RICE_1", **options)]).writeto(content)
    content.seek(0)
    hdus = fits.open(content, disable_image_compression=True)
    hdus[1].header.update(cards or {})
    result = io.BytesIO()
    hdus.writeto(result, output_verify="ignore")
    result.seek(0)
    return result


def read_both(content: io.BytesIO, hdu: int = 1) -> tuple[np.ndarray | None, np.ndarray]:
    """Read an image by the compiled loops and by astropy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(content) as hdus:
            image = find_rice_image(hdus[hdu])
            ours = None if image is None else decode_image(image, decode_rice)
            with np.errstate(over="ignore", invalid="ignore"):
                return ours, np.asarray(hdus[hdu].data).astype(np.float32)


def assert_same_bits(ours: np.ndarray | None, expected: np.ndarray) -> None:
    assert ours is not None
    assert ours.dtype == np.float32
    assert np.array_equal(ours.view(np.int32), expected.view(np.int32))


# -- reading -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(integer_images(), st.tuples(st.integers(1, 25), st.integers(1, 120)))
def test_integers_in_tiles_of_any_shape_are_decoded_as_by_astropy(image: np.ndarray, tile: tuple[int, int]) -> None:
    shape = tuple(np.minimum(tile, image.shape).tolist())
    assert_same_bits(*read_both(compressed(image, tile_shape=shape)))


@settings(deadline=None, max_examples=40)
@given(
    integer_images(),
    st.sampled_from([1, 0.5, -0.1, 3e30, 1e300]),
    st.sampled_from([0, 32768, -0.7, 2**31, 1e-20]),
    st.integers(0, 100),
)
def test_scale_zero_and_blank_are_applied_as_by_astropy(
    image: np.ndarray, scale: float, zero: float, other: int
) -> None:
    for blanks in ({}, {"BLANK": other}, {"BLANK": int(image[0, 0])}, {"ZBLANK": int(image[-1, -1])}):
        ours, expected = read_both(compressed(image, {"BSCALE": scale, "BZERO": zero} | blanks))
        if ours is not None:  # astropy ignores some values of BLANK, and reads these images itself
            assert_same_bits(ours, expected)
        else:
            assert blanks
            assert 0 in blanks.values() or scale == 1


@pytest.mark.parametrize("block", [16, 32])
def test_blocks_of_16_and_of_32_pixels_are_decoded(block: int) -> None:
    values = np.random.default_rng(1).normal(0, 300, (7, 101)).astype(np.int32)
    lengths, data = np.zeros(7, np.int64), np.zeros(7 * 101 * 8, np.uint8)
    LOOPS.encode_tiles(values.reshape(-1), 101, lengths, block, data, np.empty(block, np.uint32))
    tiles = RiceTiles(data, np.cumsum(lengths) - lengths, lengths, np.full(7, 101), 32, block)
    assert np.array_equal(decode_rice(tiles).view(np.int32), values.reshape(-1))


@settings(deadline=None, max_examples=40)
@given(npst.arrays(np.float32, (6, 90), elements=st.floats(-1e6, 1e6, width=32)), st.booleans(), st.booleans())
def test_rounded_pixels_are_restored_as_by_astropy(noise: np.ndarray, has_nan: bool, is_dithered: bool) -> None:
    image = np.random.default_rng(0).normal(100, 5, noise.shape).astype(np.float32)
    image[2:] += noise[2:]
    image[4] = 3  # without noise: not rounded
    if has_nan:
        image[:5, 3:7] = np.nan
        image[5] = np.nan
    options = DITHERED if is_dithered else {"quantize_method": -1}
    assert_same_bits(*read_both(compressed(image, quantize_level=16, **options)))


@pytest.mark.parametrize("cards", [{"ZCMPTYPE": "RICE_ONE"}, {"ZVAL1": 64}, {"BLANK": 0}, {"TTYPE1": "OTHER"}])
def test_forms_that_the_loops_do_not_decode_are_left_to_astropy(cards: dict[str, object]) -> None:
    content = compressed(np.arange(200, dtype=np.int16).reshape(2, 100), cards)
    hdus = fits.open(content)
    assert (find_rice_image(hdus[1]) is None) == (cards != {"ZCMPTYPE": "RICE_ONE"})


def test_other_compressions_are_left_to_astropy(tmp_path: Path) -> None:
    image = np.arange(400, dtype=np.int16).reshape(20, 20)
    for kind in ("GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1"):
        fits.CompImageHDU(image, compression_type=kind).writeto(tmp_path / f"{kind}.fits")
        with fits.open(tmp_path / f"{kind}.fits") as hdus:
            assert find_rice_image(hdus[0]) is None
            assert find_rice_image(hdus[1]) is None


@pytest.mark.slow
def test_real_files_are_decoded_as_by_astropy(real_data: Path) -> None:
    names = []
    for path in sorted(real_data.rglob("*.f*ts")):
        ours, expected = read_both(io.BytesIO(path.read_bytes()), hdu=-1)
        if ours is not None:
            assert_same_bits(ours, expected)
            names.append(path.name)
    assert len(names) >= 5


@pytest.fixture(scope="module")
def level1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    exposure = Exposure(binning=16)
    return exposure.write_level1(exposure.image(Sun(), noise=1), tmp_path_factory.mktemp("level1") / "a.fits")


def test_read_uses_the_loops_and_gives_what_astropy_gives(level1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fits.getdata(level1)
    monkeypatch.setattr(fits.CompImageHDU, "data", property(lambda hdu: pytest.fail("read by astropy")))
    ccd = aia_ccdproc.read(level1)
    assert np.array_equal(ccd.data, expected, equal_nan=True)
    assert ccd.header["TELESCOP"] == "SDO/AIA"


def test_the_result_does_not_depend_on_the_number_of_threads(level1: Path) -> None:
    with fits.open(level1) as hdus:
        image = find_rice_image(hdus[1])
    assert image is not None
    before = threading.active_count()
    results = []
    for count in (1, 5):
        limit_threads(count)
        results.append(decode_image(image, decode_rice))
    limit_threads(None)
    assert np.array_equal(*results)
    assert threading.active_count() == before


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_damaged_tile_is_an_error_or_other_pixels_and_nothing_else(data: st.DataObject) -> None:
    image = data.draw(integer_images())
    with fits.open(compressed(image)) as hdus:
        tiles = find_rice_image(hdus[1]).tiles
    damaged = tiles.data.copy()
    for place in data.draw(st.lists(st.integers(0, damaged.size - 1), max_size=20)):
        damaged[place] = data.draw(st.integers(0, 255))
    offsets, lengths = tiles.offsets.copy(), tiles.lengths.copy()
    if data.draw(st.booleans()):
        tile, number = data.draw(st.integers(0, len(lengths) - 1)), data.draw(st.integers(-(2**63), 2**63 - 1))
        (offsets if data.draw(st.booleans()) else lengths)[tile] = number
    try:
        values = decode_rice(tiles._replace(data=damaged, offsets=offsets, lengths=lengths))
    except ValueError:
        return
    assert values.shape == (image.size,)


@pytest.mark.parametrize("tile", [0, 1, 2])
def test_a_tile_with_bytes_that_belong_to_no_pixel_is_damaged(tile: int) -> None:
    image = np.random.default_rng(0).normal(0, 9, (3, 90)).astype(np.int16)
    with fits.open(compressed(image)) as hdus:
        tiles = find_rice_image(hdus[1]).tiles
    assert decode_rice(tiles).size == image.size
    tiles.lengths[tile] += 1
    with pytest.raises(ValueError, match="a compressed tile is damaged"):
        decode_rice(tiles)


def test_a_damaged_tile_is_reported_as_a_damaged_file(level1: Path, tmp_path: Path) -> None:
    content = bytearray(level1.read_bytes())
    with fits.open(level1, disable_image_compression=True) as hdus:
        start = hdus[1].fileinfo()["datLoc"] + hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
        size = hdus[1].header["PCOUNT"]
    content[start : start + size] = b"\xff" * size
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(
        ReadError, match=r"a\.fits: is damaged or truncated \(a compressed tile .*\)\. Download it again"
    ):
        aia_ccdproc.read(tmp_path / "a.fits")


# -- writing -------------------------------------------------------------------------------------


@st.composite
def noisy_rows(draw: st.DrawFn) -> np.ndarray:
    """Rows with noise, constants, NaN, and values far from the others."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, n = draw(st.integers(1, 4)), draw(st.integers(1, 300))
    rows = random.normal(10.0 ** draw(st.floats(-3, 5)), 10.0 ** draw(st.floats(-4, 4)), (count, n)).astype(np.float32)
    kind = draw(st.sampled_from(["noise", "whole", "mixed", "constant", "half", "outlier", "few"]))
    if kind == "whole":
        rows = np.rint(rows)
    elif kind == "mixed":
        rows[:, draw(st.integers(0, n - 1)) :] = 3
    elif kind == "constant":
        rows[:] = 5
    elif kind == "half":
        rows[random.random(rows.shape) < 0.5] = 1
    elif kind == "outlier":
        rows[:, 0] *= 1e9
    elif kind == "few":
        rows = random.integers(0, 3, rows.shape).astype(np.float32)
    rows[random.random(rows.shape) < draw(st.sampled_from([0, 0, 0.1, 0.9, 1]))] = np.nan
    return rows


@settings(deadline=None, max_examples=150)
@given(noisy_rows(), st.sampled_from([1, 4, 16, 100]), st.integers(0, 20000))
def test_rows_are_encoded_as_by_astropy(rows: np.ndarray, divisor: int, first: int) -> None:
    ours, expected = encode_rice(rows, divisor, first), encode_by_astropy(rows, divisor, first)
    for one, other in zip(ours, expected, strict=True):
        assert np.array_equal(one, other)


def test_long_rows_use_the_random_numbers_several_times() -> None:
    rows = np.random.default_rng(0).normal(0, 10, (2, 31000)).astype(np.float32)
    for one, other in zip(encode_rice(rows, 16, 9999), encode_by_astropy(rows, 16, 9999), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_rows_of_a_real_image_are_encoded_as_by_astropy(real_data: Path) -> None:
    [path] = (real_data / "aia_level1").glob("*171.image_lev1.fits")
    rows = aia_ccdproc.read(path).data[1900:2100] * np.float32(0.731)
    for one, other in zip(encode_rice(rows, 16, 0), encode_by_astropy(rows, 16, 0), strict=True):
        assert np.array_equal(one, other)


def registered(n: int = 300) -> CCDData:
    """An image with noise that depends on the brightness, NaN, and rows without noise."""
    exposure = Exposure(corner=(1900, 1850), shape=(n, n))
    ccd = exposure.image(Sun(disk=300), noise=3)
    ccd.data = ccd.data * np.float32(0.731)
    ccd.data[:3] = 7
    ccd.data[5, :100] = np.nan
    ccd.mask = np.isnan(ccd.data)
    return ccd


def test_files_are_the_same_with_and_without_the_loops(tmp_path: Path, prep_manager) -> None:
    ccd = registered()
    with_loops = aia_ccdproc.write(ccd, tmp_path / "1.fits", compression="rice")
    prep_manager()
    without = aia_ccdproc.write(ccd, tmp_path / "2.fits", compression="rice")
    ignored = ["DATE", "CHECKSUM", "DATASUM", "DATAMEAN", "DATARMS", "DATASKEW", "DATAKURT"]  # rounding of float64
    assert fits.FITSDiff(with_loops, without, ignore_keywords=ignored).identical
    tables = []
    for path in (with_loops, without):
        with fits.open(path, disable_image_compression=True) as hdus:
            place = hdus[1].fileinfo()
        tables.append(path.read_bytes()[place["datLoc"] : place["datLoc"] + place["datSpan"]])
    assert len(tables[0]) > 20000
    assert tables[0] == tables[1]


@pytest.mark.parametrize("value", [0.0, 2.0, np.nan])
def test_images_and_planes_without_noise_are_read_back(tmp_path: Path, value: float) -> None:
    constant = np.full((300, 300), value, np.float32)
    for number, (data, sigma) in enumerate([(constant, None), (registered().data, constant)]):
        ccd = registered()
        ccd.data, ccd.mask = data, np.isnan(data)
        ccd.uncertainty = None if sigma is None else StdDevUncertainty(sigma)
        path = aia_ccdproc.write(ccd, tmp_path / f"{number}.fits", compression="rice")
        again = aia_ccdproc.read(path)
        assert np.allclose(again.data, data, rtol=0.05, equal_nan=True)
        if sigma is not None:
            assert np.array_equal(again.uncertainty.array, sigma, equal_nan=True)


def test_pixels_differ_by_half_a_level_at_most(tmp_path: Path) -> None:
    ccd = registered()
    path = aia_ccdproc.write(ccd, tmp_path / "a.fits", compression="rice")
    with fits.open(path, disable_image_compression=True) as hdus:
        scales = hdus[1].data["ZSCALE"]
    difference = np.abs(aia_ccdproc.read(path).data - ccd.data)
    assert np.array_equal(np.isnan(difference), np.isnan(ccd.data))
    assert (np.nanmax(difference, axis=1) <= scales / 2 * (1 + 1e-4) + 1e-5).all()
    assert (scales[:3] == 0).all()
    noise = np.std(np.diff(ccd.data[200])) / np.sqrt(2)
    assert scales[200] == pytest.approx(noise / 16, rel=0.15)
