"""Writing: atomically, and so that other software can read the file."""

from __future__ import annotations

import errno
import gzip
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from io import BufferedIOBase
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import (
    CCDData,
    InverseVariance,
    NDUncertainty,
    StdDevUncertainty,
    VarianceUncertainty,
)
from astropy.wcs import FITSFixedWarning
from scenes import small_exposure, small_sun
from scipy import stats

from aia_ccdproc import PrepWarning, WriteError, read, write
from aia_ccdproc.images import fits_output
from aia_ccdproc.images.fits_hdu import Plane
from aia_ccdproc.images.pixel_engine import PixelEngine
from aia_ccdproc.images.wcs import roll_angle, wcs_from_header

EXPOSURE = small_exposure(shape=(60, 80), corner=(2040, 1980))


@pytest.fixture
def ccd() -> CCDData:
    """A noisy level-1 image with a mask and an uncertainty, a NaN among the masked pixels."""
    image = EXPOSURE.image(small_sun(), noise=1)
    mask = np.zeros(image.shape, dtype=bool)
    mask[3:5, 7] = True
    image.data[3, 7] = np.nan
    image.mask = mask
    image.uncertainty = StdDevUncertainty(np.sqrt(np.nan_to_num(image.data)) + 1)
    return image


def astropy_reads(path: Path, **options: object) -> CCDData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)  # astropy warns that it has converted DATE-OBS
        return CCDData.read(path, **options)


def without_dates(raw: bytes) -> bytes:
    """Remove what depends on the time of writing: DATE, CHECKSUM and the comment of DATASUM."""
    cards = (raw[start : start + 80] for start in range(0, len(raw), 80))
    kept = (card[:30] if card.startswith(b"DATASUM =") else card for card in cards)
    return b"".join(card for card in kept if not card.startswith((b"DATE    =", b"CHECKSUM=")))


# -- atomic writing -------------------------------------------------------------------------


def test_write_returns_the_path_and_leaves_no_other_file(tmp_path: Path, ccd: CCDData) -> None:
    assert write(ccd, str(tmp_path / "a.fits")) == tmp_path / "a.fits"
    assert [file.name for file in tmp_path.iterdir()] == ["a.fits"]


def test_write_replaces_a_file_only_with_overwrite(tmp_path: Path, ccd: CCDData) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"precious")
    with pytest.raises(WriteError, match=r"a\.fits: already exists\. Use overwrite=True to replace it"):
        write(ccd, path)
    assert path.read_bytes() == b"precious"
    write(ccd, path, overwrite=True)
    assert np.array_equal(read(path).data, ccd.data, equal_nan=True)


def _fail(error: BaseException) -> Callable[..., None]:
    def write_half(stream: BufferedIOBase, planes: Sequence[Plane], engine: PixelEngine) -> None:
        stream.write(b"SIMPLE  =  half a file")
        raise error

    return write_half


@pytest.mark.parametrize("existing", [True, False], ids=["over an existing file", "new file"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "is not writable"),
        (OSError(errno.EIO, "Input/output error"), "cannot be written .*Input/output error"),
    ],
)
def test_write_leaves_no_incomplete_file_when_the_disk_fails(
    tmp_path: Path, ccd: CCDData, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str, existing: bool
) -> None:
    path = tmp_path / "a.fits"
    if existing:
        path.write_bytes(b"precious")
    monkeypatch.setattr(fits_output, "write_uncompressed", _fail(error))
    with pytest.raises(WriteError, match=rf"a\.fits: .*{reason}"):
        write(ccd, path, overwrite=True)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([b"precious"] if existing else [])


def test_write_leaves_no_incomplete_file_when_interrupted(
    tmp_path: Path, ccd: CCDData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits_output, "write_uncompressed", _fail(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write(ccd, tmp_path / "a.fits")
    assert not list(tmp_path.iterdir())


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_write_leaves_no_incomplete_file_when_a_file_must_not_grow(tmp_path: Path, ccd: CCDData) -> None:
    write(ccd, tmp_path / "in.fits")
    out = tmp_path / "out"
    out.mkdir()
    script = (
        "import resource, sys; from aia_ccdproc import WriteError, read, write\n"
        "ccd = read(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: write(ccd, sys.argv[2])\n"
        "except WriteError as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, tmp_path / "in.fits", out / "a.fits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "a.fits: cannot be written" in done.stdout, done.stderr
    assert not list(out.iterdir())


def test_write_names_a_folder_that_does_not_exist(tmp_path: Path, ccd: CCDData) -> None:
    with pytest.raises(WriteError, match=r"the folder .*nowhere does not exist"):
        write(ccd, tmp_path / "nowhere" / "a.fits")


def test_write_refuses_an_unknown_compression(tmp_path: Path, ccd: CCDData) -> None:
    with pytest.raises(WriteError, match="unknown compression 'zip'; available: 'none', 'rice', 'lossless'"):
        write(ccd, tmp_path / "a.fits", compression="zip")
    assert not list(tmp_path.iterdir())


def test_write_does_not_change_the_image(tmp_path: Path, ccd: CCDData) -> None:
    before, header = ccd.copy(), ccd.header.tostring()
    for compression in (None, "none", "rice", "lossless"):
        write(ccd, tmp_path / f"{compression}.fits", compression=compression)
    assert np.array_equal(ccd.data, before.data, equal_nan=True)
    assert np.array_equal(ccd.mask, before.mask)
    assert np.array_equal(ccd.uncertainty.array, before.uncertainty.array)
    assert ccd.header.tostring() == header
    assert ccd.wcs.wcs == before.wcs.wcs


def test_an_uncompressed_image_is_written_without_a_copy_of_all_its_pixels(tmp_path: Path, ccd: CCDData) -> None:
    data = np.random.default_rng(0).normal(100, 30, (2048, 4096)).astype(np.float32)
    mask = np.zeros(data.shape, dtype=bool)
    large = CCDData(data, unit="DN", mask=mask, header=ccd.header, wcs=ccd.wcs)
    write(large, tmp_path / "first.fits")
    tracemalloc.start()
    write(large, tmp_path / "a.fits")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.nbytes / 2


# -- contents -------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "lossless"])
def test_image_mask_and_uncertainty_are_read_back_bit_for_bit(tmp_path: Path, ccd: CCDData, compression) -> None:
    path = write(ccd, tmp_path / "a.fits", compression=compression)
    for back in (read(path), astropy_reads(path, hdu=0 if compression is None else 1)):
        assert np.array_equal(back.data, ccd.data, equal_nan=True)
        assert back.data.dtype.newbyteorder("=") == np.float32
        assert np.array_equal(back.mask, ccd.mask)
        assert back.uncertainty.uncertainty_type == "std"
        assert np.array_equal(back.uncertainty.array, np.float32(ccd.uncertainty.array))
        assert back.unit == ccd.unit
        assert back.wcs.wcs.crpix == pytest.approx(ccd.wcs.wcs.crpix, abs=1e-9)


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty, InverseVariance])
def test_the_type_of_uncertainty_is_read_back(tmp_path: Path, ccd: CCDData, kind: type[NDUncertainty]) -> None:
    ccd.uncertainty = kind(np.full(ccd.shape, 2.0))
    path = write(ccd, tmp_path / "a.fits")
    assert type(read(path).uncertainty) is kind
    assert type(astropy_reads(path).uncertainty) is kind


@pytest.mark.parametrize("unit", ["DN,s", u.def_unit("brightness_of_my_lamp")])
def test_a_unit_that_cannot_be_read_again_is_not_written(tmp_path: Path, ccd: CCDData, unit: object) -> None:
    ccd.unit = unit
    with pytest.raises(WriteError, match=r"the unit '.*' cannot be read from a FITS header"):
        write(ccd, tmp_path / "a.fits")


@pytest.mark.parametrize("compression", ["none", "rice", "lossless"])
def test_infinite_pixels_are_written_as_nan_with_one_warning(tmp_path: Path, ccd: CCDData, compression) -> None:
    ccd.data = ccd.data.astype(float)
    ccd.data[10, 11], ccd.data[10, 12] = 1e300, -np.inf
    ccd.uncertainty.array = ccd.uncertainty.array.astype(float)
    ccd.uncertainty.array[10, 11] = 1e300
    message = r"a\.fits: 2 pixels written as NaN: infinite or too large for float32"
    with pytest.warns(PrepWarning, match=message) as caught:
        back = read(write(ccd, tmp_path / "a.fits", compression=compression))
    assert len(caught) == 1
    assert np.isnan(back.data[10, 11:13]).all()
    assert back.mask[10, 11:13].all()
    assert not np.isinf(back.uncertainty.array).any()
    assert np.isinf(ccd.data[10, 12])


@pytest.mark.parametrize("compression", ["none", "lossless"])
def test_a_psf_is_written_and_read_back(tmp_path: Path, ccd: CCDData, compression: str) -> None:
    ccd.psf = np.outer(np.hanning(9), np.hanning(7)).astype(np.float32)
    path = write(ccd, tmp_path / "a.fits", compression=compression)
    for back in (read(path), astropy_reads(path, hdu=0 if compression == "none" else 1)):
        assert np.array_equal(back.psf, ccd.psf)
        assert np.array_equal(back.data, ccd.data, equal_nan=True)


@pytest.mark.parametrize("psf", [np.ones(5), np.ones((3, 5, 7)), np.ones((0, 5)), np.ones((3, 3), complex)])
def test_a_psf_that_is_not_an_image_of_real_numbers_is_refused(tmp_path: Path, ccd: CCDData, psf: np.ndarray) -> None:
    ccd.psf = psf
    with pytest.raises(WriteError, match=r"a\.fits: the PSF has shape .* and type (float64|complex128)\. Real numbers"):
        write(ccd, tmp_path / "a.fits")
    assert not list(tmp_path.iterdir())


def test_a_cube_or_a_complex_image_is_not_written(tmp_path: Path, ccd: CCDData) -> None:
    for data in (np.ones((2, 60, 80)), np.ones(80), ccd.data + 1j):
        with pytest.raises(WriteError, match=r"a\.fits: the image has shape"):
            write(CCDData(data, unit="DN"), tmp_path / "a.fits")


def test_a_header_that_could_not_be_read_again_is_not_written(tmp_path: Path, ccd: CCDData) -> None:
    ccd.header = fits.Header([*ccd.header.cards, *(fits.Card("HISTORY", str(i)) for i in range(10_300))])
    assert len(read(write(ccd, tmp_path / "a.fits", compression="rice")).header) > 10_300
    for i in range(200):
        ccd.header.append(fits.Card("COMMENT", str(i)), end=True)
    with pytest.raises(WriteError, match=r"b\.fits: the header has 10\d+ cards; 10500 are allowed\. Remove"):
        write(ccd, tmp_path / "b.fits")
    assert not (tmp_path / "b.fits").exists()


def test_a_mask_of_integers_is_written(tmp_path: Path, ccd: CCDData) -> None:
    mask = ccd.mask.copy()
    ccd.mask = mask.astype(np.uint8)
    back = read(write(ccd, tmp_path / "a.fits"))
    assert np.array_equal(back.mask, mask)
    assert back.header["DATAVALS"] == (~mask).sum()


def test_float64_and_integer_images_are_written_as_float32(tmp_path: Path) -> None:
    image = EXPOSURE.image(small_sun())
    for kind in (np.float64, np.int16):
        ccd = CCDData(np.rint(image.data).astype(kind), unit="DN", header=image.header, wcs=image.wcs)
        path = write(ccd, tmp_path / f"{kind.__name__}.fits")
        assert fits.getheader(path)["BITPIX"] == -32
        assert np.array_equal(read(path).data, ccd.data)


@pytest.mark.parametrize("compression", [None, "rice", "lossless"])
def test_checksums_are_valid_and_no_cards_about_the_input_file_remain(
    tmp_path: Path, ccd: CCDData, compression
) -> None:
    for keyword, value in {"BLANK": -32768, "BSCALE": 0.5, "BZERO": 3.0, "CHECKSUM": "stale", "DATASUM": "1"}.items():
        ccd.header[keyword] = value
    path = write(ccd, tmp_path / "a.fits", compression=compression)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, disable_image_compression=True) as hdus:
            assert len([hdu.data for hdu in hdus]) == (3 if compression is None else 4)
            for hdu in hdus:
                assert {"CHECKSUM", "DATASUM"} <= set(hdu.header)
                assert hdu.header["CHECKSUM"] != "stale"
                assert not {"BLANK", "BSCALE", "BZERO"} & set(hdu.header)


def test_a_changed_pixel_is_found_by_the_checksum(tmp_path: Path, ccd: CCDData) -> None:
    path = write(ccd, tmp_path / "a.fits")
    raw = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        raw[hdus[0].fileinfo()["datLoc"] + 41] ^= 1
    path.write_bytes(raw)
    with (
        pytest.warns(match="Checksum verification failed"),
        pytest.warns(match="Datasum verification failed"),
        fits.open(path, checksum=True) as hdus,
    ):
        assert hdus[0].data is not None


def test_statistics_are_those_of_the_new_image(tmp_path: Path, ccd: CCDData) -> None:
    stale = ["DATAMIN", "DATAMAX", "DATAMEDN", "DATAMEAN", "DATARMS", "DATASKEW", "DATAKURT", "DATACENT", "DATAP99"]
    ccd.header.update(dict.fromkeys(stale, -12345.0))
    header = read(write(ccd, tmp_path / "a.fits")).header
    good = np.asarray(ccd.data[~ccd.mask], dtype=float)
    assert header["DATAMIN"] == good.min()
    assert header["DATAMAX"] == good.max()
    assert header["DATAMEDN"] == np.median(good)
    assert header["DATAMEAN"] == pytest.approx(good.mean(), rel=1e-6)
    assert header["DATARMS"] == pytest.approx(good.std(), rel=1e-5)
    assert header["DATASKEW"] == pytest.approx(stats.skew(good), rel=1e-4)
    assert header["DATAKURT"] == pytest.approx(stats.kurtosis(good), rel=1e-4)
    assert header["DATAP99"] == pytest.approx(np.percentile(good, 99), rel=1e-6)
    assert (header["DATAVALS"], header["MISSVALS"]) == (good.size, 2)


@pytest.mark.parametrize("state", ["all masked", "constant"])
def test_no_statistics_of_the_old_image_remain(tmp_path: Path, ccd: CCDData, state: str) -> None:
    ccd.header.update({"DATASKEW": -12345.0, "DATAKURT": -12345.0})
    if state == "constant":
        ccd.data = np.full(ccd.shape, 7, np.float32)
    else:
        ccd.mask = np.ones(ccd.shape, dtype=bool)
        ccd.header["DATAMIN"] = -12345.0
    header = fits.getheader(write(ccd, tmp_path / "a.fits"))
    assert -12345.0 not in list(header.values())


def test_a_sliced_image_is_written_with_the_geometry_of_its_slice(tmp_path: Path, ccd: CCDData) -> None:
    part = ccd[10:50, 20:70]
    back = read(write(part, tmp_path / "a.fits"))
    assert back.header["CRPIX1"] == pytest.approx(ccd.header["CRPIX1"] - 20, abs=1e-9)
    assert back.header["CRPIX2"] == pytest.approx(ccd.header["CRPIX2"] - 10, abs=1e-9)
    there, here = ccd.wcs.pixel_to_world_values(20, 10), back.wcs.pixel_to_world_values(0, 0)
    assert np.array(here) == pytest.approx(np.array(there), abs=1e-12)


@pytest.mark.parametrize("matrix", ["PC", "CD"])
def test_an_angle_is_never_written_with_a_matrix(tmp_path: Path, ccd: CCDData, matrix: str) -> None:
    header = ccd.header.copy()
    scale = 1 if matrix == "PC" else header["CDELT1"]
    for element, value in {"1_1": 1.0, "1_2": 0.0, "2_1": 0.0, "2_2": 1.0}.items():
        header[matrix + element] = value * scale
    header["CROTA2"] = 33.0  # left from an older state: the matrix contains no roll
    fits.PrimaryHDU(ccd.data, header).writeto(tmp_path / "both.fits")
    written = fits.getheader(write(read(tmp_path / "both.fits"), tmp_path / "a.fits"))
    assert not ("CROTA2" in written and {"PC1_1", "CD1_1"} & set(written))
    assert not ("CDELT1" in written and "CD1_1" in written)
    assert roll_angle(wcs_from_header(written)) == pytest.approx(0, abs=1e-12)


def test_the_unit_is_in_bunit(tmp_path: Path, ccd: CCDData) -> None:
    ccd = CCDData(ccd.data, unit="DN / s", header=ccd.header, wcs=ccd.wcs)
    path = write(ccd, tmp_path / "a.fits")
    assert fits.getheader(path)["BUNIT"].replace(" ", "") in ("DN/s", "DNs-1")
    assert read(path).unit == "DN / s"


# -- compression ---------------------------------------------------------------------------------


def test_rice_rounds_to_a_fraction_of_the_noise_and_records_it(tmp_path: Path, ccd: CCDData) -> None:
    path = write(ccd, tmp_path / "a.fits", compression="rice")
    back = read(path)
    good = ~ccd.mask
    noise = np.sqrt(np.median(ccd.data[good]))
    assert 0 < np.abs(back.data[good] - ccd.data[good]).max() < noise / 8
    assert abs((back.data[good] - ccd.data[good]).mean()) < noise / 500  # dithered: no bias
    assert np.array_equal(np.isnan(back.data), np.isnan(ccd.data))
    assert np.array_equal(back.mask, ccd.mask)
    assert any("RICE_1, values rounded to 1/16" in str(line) for line in back.header["HISTORY"])
    with fits.open(path, disable_image_compression=True) as hdus:
        assert hdus[1].header["ZCMPTYPE"] == "RICE_1"


@pytest.mark.parametrize("compression", ["rice", "lossless"])
def test_the_cards_of_a_compressed_image_are_those_of_an_uncompressed_one(
    tmp_path: Path, ccd: CCDData, compression: str
) -> None:
    ccd.header["SIMPLE"], ccd.header["EXTEND"] = True, True
    ccd.header["LONG"] = ("x" * 150, "continued")
    ccd.header["HIERARCH ESO A B"] = 5
    for text in ("one", "two"):
        ccd.header.add_history(text)
        ccd.header.add_comment(text)
    ccd.header["LAST"] = (1.5, "after HISTORY")
    ccd.header.add_blank()
    structure = ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "DATE", "CHECKSUM", "DATASUM")
    cards = []
    for kind in ("none", compression):
        with fits.open(write(ccd, tmp_path / f"{kind}.fits", compression=kind)) as hdus:
            header = hdus[0 if kind == "none" else 1].header
            found = [str(card) for card in header.cards if card.keyword not in structure]
            cards.append([text for text in found if "write: RICE_1" not in text])
            assert [header[keyword] for keyword in structure[1:5]] == [-32, 2, 80, 60]
    statistics = ("DATA", "TOTVALS", "MISSVALS", "PERCENTD")
    assert [text for text in cards[0] if not text.startswith(statistics)] == [
        text for text in cards[1] if not text.startswith((*statistics, "XTENSION", "PCOUNT", "GCOUNT"))
    ]


def test_the_time_for_compressing_an_image_is_proportional_to_its_cards(tmp_path: Path, ccd: CCDData) -> None:
    header, seconds = ccd.header, []
    for count in (1500, 6000):
        ccd.header = fits.Header([*header.cards, *(fits.Card(f"K{i:07d}", i) for i in range(count))])
        start = time.process_time()
        write(ccd, tmp_path / f"{count}.fits", compression="rice")
        seconds.append(time.process_time() - start)
    assert seconds[1] < 8 * seconds[0]


def test_compressed_outputs_are_smaller(tmp_path: Path) -> None:
    image = small_exposure().image(small_sun(), noise=2)
    image.data *= np.float32(0.7310585)  # as after resampling: not whole numbers
    size = {c: write(image, tmp_path / f"{c}.fits", compression=c).stat().st_size for c in (None, "rice", "lossless")}
    assert size["rice"] < size["lossless"] < size[None]


def test_a_file_named_gz_is_gzipped_without_the_temporary_name(tmp_path: Path, ccd: CCDData) -> None:
    path = write(ccd, tmp_path / "a.fits.gz")
    raw = path.read_bytes()
    assert gzip.decompress(raw)[:9] == b"SIMPLE  ="
    assert np.array_equal(read(path).data, ccd.data, equal_nan=True)
    assert b".tmp" not in raw[:100]
    assert [file.name for file in tmp_path.iterdir()] == ["a.fits.gz"]


@pytest.mark.parametrize("compression", [None, "rice", "lossless"])
def test_two_writes_give_the_same_bytes_except_dates(tmp_path: Path, ccd: CCDData, compression) -> None:
    one = write(ccd, tmp_path / "1.fits", compression=compression)
    time.sleep(1.01)  # dates in FITS are whole seconds
    other = write(ccd, tmp_path / "2.fits", compression=compression)
    assert len(without_dates(one.read_bytes())) > 19200
    assert without_dates(one.read_bytes()) == without_dates(other.read_bytes())
