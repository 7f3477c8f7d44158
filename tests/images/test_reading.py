"""Reading: real level-1 files, the forms of a FITS file, and files that are not level-1 images."""

from __future__ import annotations

import gzip
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from scenes import small_exposure, small_sun

from aia_ccdproc import HeaderError, InstrumentError, PrepError, PrepWarning, ReadError, read

LEVEL1 = (
    "aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout.fits",
    "aia.lev1_euv_12s.2017-08-07T235946Z.171.image_lev1.fits",
    "aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout.fits",
    "aia.lev1_nrt2.2012-06-06T040731Z.1600.cutout.fits",
    "aia_171_level1.rebinned_128.fits",
)
NRT = LEVEL1[3]
OTHERS = {
    "efz20040301.000010_s.fits": "EIT",
    "euvi_20090615_000900_n4euA_s.fts": "SECCHI",
    "mdi.fd_ic.20101015_230100_TAI.data.fits": "MDI",
    "resampled_hmi.fits": "HMI_FRONT2",
    "swap_lv1_20110607_063329.fits": "SWAP",
}
EXPOSURE = small_exposure(shape=(60, 80), corner=(2040, 1980))


def header_and_data(**cards: object) -> tuple[fits.Header, np.ndarray]:
    ccd = EXPOSURE.image(small_sun())
    header = ccd.header.copy()
    header.update(cards)
    return header, np.rint(ccd.data).astype(np.int16)


def plain(path: Path, **cards: object) -> Path:
    header, data = header_and_data(**cards)
    fits.PrimaryHDU(data, header).writeto(path)
    return path


def compressed(path: Path) -> Path:
    return EXPOSURE.write_level1(EXPOSURE.image(small_sun()), path)


def gzipped(path: Path) -> Path:
    whole = gzip.compress(plain(path.with_suffix(".tmp")).read_bytes())
    path.with_suffix(".tmp").unlink()
    path.write_bytes(whole)
    return path


# -- files of JSOC --------------------------------------------------------------------------


def raw_cards(path: Path) -> Iterator[str]:
    """The raw 80-column cards of the headers, up to the header of the image."""
    raw = path.read_bytes()
    for start in range(0, len(raw), 80):
        card = raw[start : start + 80].decode("latin-1")
        if card.rstrip() == "END" and b"NAXIS   =                    0" not in raw[max(0, start - 2880) : start]:
            return
        yield card


VALUE = re.compile(
    r" *(?:'(?P<text>(?:[^']|'')*)'|(?P<logical>[TF])|(?P<number>[+-]?[\d.]+(?:[EeDd][+-]?\d+)?)|)"
    r" *(?:/ ?(?P<comment>.*))?$"
)
STRUCTURE = re.compile(
    r"SIMPLE|EXTEND|BITPIX|NAXIS\d?|XTENSION|[PG]COUNT|TFIELDS|T(TYPE|FORM)\d|Z[A-Z]+\d?"
    r"|EXTNAME|BLANK|BSCALE|BZERO|CHECKSUM|DATASUM|HGQUERY"
)


@pytest.mark.parametrize("name", LEVEL1)
def test_every_valid_card_of_a_real_file_is_read(real_data: Path, name: str) -> None:
    header = read(real_data / "aia_level1" / name).header
    compared = 0
    for card in raw_cards(real_data / "aia_level1" / name):
        keyword = card[:8].strip()
        valid = VALUE.match(card[10:])
        if card[8:10] != "= " or STRUCTURE.fullmatch(keyword) or not valid:
            continue
        compared += 1
        assert keyword in header
        value, comment = header[keyword], (valid["comment"] or "").strip()
        if valid["text"] is not None:
            assert value == valid["text"].replace("''", "'").rstrip()
        elif valid["number"]:
            assert value == float(valid["number"].upper().replace("D", "E"))
        elif valid["logical"]:
            assert value is (valid["logical"] == "T")
        else:
            assert value is None or isinstance(value, fits.card.Undefined)
        assert header.comments[keyword] == comment
    assert compared > 140


@pytest.mark.parametrize("name", LEVEL1)
def test_history_and_comments_of_a_real_file_are_kept(real_data: Path, name: str) -> None:
    header = read(real_data / "aia_level1" / name).header
    for keyword in ("HISTORY", "COMMENT"):
        raw = [c[8:].strip() for c in raw_cards(real_data / "aia_level1" / name) if c[:8].strip() == keyword]
        kept = [str(line).strip() for line in header.get(keyword, [])]
        assert set(raw) <= set(kept)


@pytest.mark.parametrize("name", LEVEL1)
def test_a_real_file_gives_a_float32_image_in_dn_with_its_wcs_and_is_not_changed(real_data: Path, name: str) -> None:
    path = real_data / "aia_level1" / name
    before = path.read_bytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ccd = read(path)
        shown = repr(ccd.header)
    assert not caught
    assert "T_OBS" in shown
    assert ccd.data.dtype == np.float32
    assert ccd.data.dtype.isnative
    assert ccd.unit == "DN"
    assert ccd.wcs.array_shape == ccd.shape == (ccd.header["NAXIS2"], ccd.header["NAXIS1"])
    assert ccd.wcs.wcs.crpix == pytest.approx([ccd.header["CRPIX1"], ccd.header["CRPIX2"]], abs=1e-12)
    assert not {"BLANK", "BSCALE", "BZERO", "ZIMAGE", "CHECKSUM"} & set(ccd.header)
    assert ccd.mask is None or np.array_equal(ccd.mask, ~np.isfinite(ccd.data))
    assert path.read_bytes() == before


def test_the_invalid_cards_of_the_near_real_time_file_are_repaired(real_data: Path) -> None:
    header = read(real_data / "aia_level1" / NRT).header
    for keyword in ("OSCNMEAN", "OSCNRMS", "TEMPCCD", "TEMPGT", "TEMPSMIR", "TEMPFPAD"):  # bare nan
        assert header[keyword] is None or isinstance(header[keyword], fits.card.Undefined)
    # Strings that are longer than their card are kept as far as the card goes.
    assert header["KEYWDDOC"].startswith("https://www.lmsal.com/sdodocs/doc?cmd=dcur&proj_num=SDOD0019")
    assert header["HGQUERY"].startswith("aia.lev1_nrt2[2012.06.06_04:07:09_UTC-2012.06.06_04:07:55_UTC][? QUAL")
    for card in header.cards:
        card.verify("exception")


def test_bscale_of_the_near_real_time_file_is_applied(real_data: Path) -> None:
    path = real_data / "aia_level1" / NRT
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        stored = hdus[1].data.astype(float)
    assert np.array_equal(read(path).data, stored * 0.5)


@pytest.mark.parametrize(("name", "instrument"), OTHERS.items())
def test_a_file_of_another_instrument_is_refused_and_named(real_data: Path, name: str, instrument: str) -> None:
    with pytest.raises(InstrumentError, match=f"{re.escape(name)}: unknown instrument: .*{instrument}"):
        read(real_data / "other_instruments" / name)


# -- the forms of a file -------------------------------------------------------------------


@pytest.mark.parametrize(("make", "name"), [(plain, "a.fits"), (compressed, "a.fits"), (gzipped, "a.fits.gz")])
def test_plain_compressed_and_gzipped_files_give_the_same_image(tmp_path: Path, make, name: str) -> None:
    header, data = header_and_data()
    ccd = read(make(tmp_path / name))
    assert np.array_equal(ccd.data, data)
    assert ccd.data.dtype == np.float32
    assert ccd.data.dtype.isnative
    assert ccd.mask is None
    for keyword in ("T_OBS", "CRPIX1", "CDELT1", "CROTA2", "X0_MP", "EXPTIME", "DSUN_OBS"):
        assert ccd.header[keyword] == header[keyword]


def test_bscale_bzero_and_blank_are_applied_and_blank_pixels_masked(tmp_path: Path) -> None:
    header, _ = header_and_data()
    stored = np.arange(20, dtype=np.int16).reshape(4, 5)
    stored[1, 2] = -32768
    hdu = fits.PrimaryHDU(stored, header)
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.25, 10.0, -32768
    hdu.writeto(tmp_path / "scaled.fits")
    ccd = read(tmp_path / "scaled.fits")
    assert np.isnan(ccd.data[1, 2])
    assert np.array_equal(np.argwhere(ccd.mask), [[1, 2]])
    assert ccd.data[~ccd.mask] == pytest.approx(stored[~ccd.mask] * 0.25 + 10)


def test_blank_pixels_of_a_compressed_file_are_masked(tmp_path: Path) -> None:
    image = EXPOSURE.image(small_sun())
    image.data[7, 9] = np.nan
    ccd = read(EXPOSURE.write_level1(image, tmp_path / "a.fits"))
    assert np.array_equal(np.argwhere(ccd.mask), [[7, 9]])
    assert np.isnan(ccd.data[7, 9])


def test_nan_and_infinite_pixels_of_a_float_image_are_masked_in_spite_of_a_blank_card(tmp_path: Path) -> None:
    header, data = header_and_data()
    values = data.astype(">f4")
    values[3, 4], values[5, 6] = np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdu = fits.PrimaryHDU(values, header)
        hdu.header["BLANK"] = -32768
        hdu.writeto(tmp_path / "float.fits")
    with pytest.warns(PrepWarning, match=r"float\.fits: 1 pixel masked: infinite or too large for float32"):
        ccd = read(tmp_path / "float.fits")
    assert np.array_equal(np.argwhere(ccd.mask), [[3, 4], [5, 6]])
    assert not np.isinf(ccd.data).any()
    assert ccd.data.dtype.isnative


@pytest.mark.parametrize("cards", [{"BSCALE": 1e300}, {"BSCALE": -1e300}, {"BZERO": 1e300}, {"BZERO": -1e300}])
def test_pixels_that_overflow_float32_are_masked_with_one_warning(tmp_path: Path, cards: dict) -> None:
    header, _ = header_and_data()
    hdu = fits.PrimaryHDU(np.arange(20, dtype=np.int16).reshape(4, 5), header)
    hdu.header.update(cards)
    hdu.writeto(tmp_path / "a.fits")
    with pytest.warns(PrepWarning, match=r"a\.fits: \d+ pixels masked: infinite or too large for float32") as caught:
        ccd = read(tmp_path / "a.fits")
    assert len(caught) == 1
    assert ccd.mask.all()  # astropy scales int16 in float32, in which 1e300 is infinite and 0 * 1e300 is NaN
    assert np.isnan(ccd.data).all()


@pytest.mark.parametrize(
    ("cards", "unit"),
    [
        ({"PIXLUNIT": "DN"}, "DN"),
        ({"PIXLUNIT": None}, "DN"),
        ({"BUNIT": "DN / s", "PIXLUNIT": "DN"}, "DN / s"),
        ({"BUNIT": "", "PIXLUNIT": "electron"}, "electron"),
        ({"BUNIT": "Arbitrary intensity units", "PIXLUNIT": None}, "DN"),
        ({"BUNIT": "photon,5", "PIXLUNIT": "electron"}, "electron"),  # two units for astropy
        ({"BUNIT": "1E400 electron", "PIXLUNIT": None}, "DN"),
    ],
)
def test_the_unit_is_read_from_bunit_or_pixlunit_or_is_that_of_the_instrument(
    tmp_path: Path, cards: dict, unit: str
) -> None:
    assert read(plain(tmp_path / "a.fits", **cards)).unit == unit


def test_two_images_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    header, data = header_and_data()
    fits.HDUList([fits.PrimaryHDU(data, header), fits.ImageHDU(data + 1, header, name="SECOND")]).writeto(
        tmp_path / "two.fits"
    )
    with pytest.raises(ReadError, match=r"two\.fits: contains 2 images: HDU 0 .*80x60.*, 1 \(SECOND, 80x60\)\. .*hdu="):
        read(tmp_path / "two.fits")
    assert np.array_equal(read(tmp_path / "two.fits", hdu=0).data, data)
    assert np.array_equal(read(tmp_path / "two.fits", hdu=1).data, data + 1)
    assert np.array_equal(read(tmp_path / "two.fits", hdu="SECOND").data, data + 1)
    for wanted in (5, "THIRD"):
        with pytest.raises(ReadError, match=f"two.fits: has no HDU {wanted!r}; it has 2 HDUs"):
            read(tmp_path / "two.fits", hdu=wanted)


def test_mask_and_uncertainty_written_by_astropy_are_read(tmp_path: Path) -> None:
    ccd = EXPOSURE.image(small_sun())
    mask = np.zeros(ccd.shape, dtype=bool)
    mask[4, 5] = True
    with_planes = CCDData(ccd, mask=mask)
    with_planes.uncertainty = np.sqrt(ccd.data)  # astropy assumes a standard deviation, and logs that
    with_planes.write(tmp_path / "planes.fits")
    back = read(tmp_path / "planes.fits")
    assert np.array_equal(back.mask, mask)
    assert back.uncertainty.uncertainty_type == "std"
    assert back.uncertainty.array == pytest.approx(np.sqrt(ccd.data))


def test_a_psf_beside_the_image_is_not_a_second_image(tmp_path: Path) -> None:
    ccd = EXPOSURE.image(small_sun())
    ccd.psf = np.outer(np.hanning(9), np.hanning(9))
    ccd.write(tmp_path / "psf.fits")
    back = read(tmp_path / "psf.fits")
    assert np.array_equal(back.data, ccd.data)
    assert back.psf == pytest.approx(ccd.psf)


def test_a_table_called_mask_is_ignored(tmp_path: Path) -> None:
    header, data = header_and_data()
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2])], name="MASK")
    fits.HDUList([fits.PrimaryHDU(data, header), table]).writeto(tmp_path / "a.fits")
    back = read(tmp_path / "a.fits")
    assert np.array_equal(back.data, data)
    assert back.mask is None


def test_a_chosen_plane_is_not_its_own_mask(tmp_path: Path) -> None:
    header, data = header_and_data()
    mask = (data > np.median(data)).astype(np.uint8)
    hdus = [fits.PrimaryHDU(data, header), fits.ImageHDU(mask, header, name="MASK")]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    assert read(tmp_path / "a.fits", hdu="MASK").mask is None
    assert np.array_equal(read(tmp_path / "a.fits").mask, mask)


# -- files that are not level-1 images --------------------------------------------------------------------


def _bytes(content: bytes):
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def _truncated(make, kept: float):
    def truncate(path: Path) -> None:
        whole = make(path).read_bytes()
        path.write_bytes(whole[: int(len(whole) * kept)])

    return truncate


def _damaged_gzip(path: Path) -> None:
    whole = bytearray(gzipped(path).read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    path.write_bytes(whole)


def _declared(**cards: int):
    """Make a file whose header declares another shape than its pixels have."""

    def make(path: Path) -> None:
        raw = plain(path).read_bytes()
        for keyword, value in cards.items():
            raw = re.sub(rb"%-8s= +-?\d+" % keyword.encode(), b"%-8s= %20d" % (keyword.encode(), value), raw, count=1)
        path.write_bytes(raw[:-11520] if 0 in cards.values() else raw)  # four blocks of pixels

    return make


def _hdus(*hdus):
    return lambda path: fits.HDUList(list(hdus)).writeto(path)


NOT_AN_IMAGE = {
    "no such file": (lambda path: None, "no such file"),
    "a folder": (Path.mkdir, "is a folder"),
    "empty": (_bytes(b""), "is empty"),
    "text": (_bytes(b"Dear JSOC,\nplease export\n" * 300), "not a FITS file"),
    "a short text": (_bytes(b"<html>Down for maintenance</html>"), "not a FITS file"),
    "noise": (_bytes(bytes(np.random.default_rng(1).integers(0, 256, 9000, dtype=np.uint8))), "not a FITS file"),
    "a truncated header": (_truncated(plain, 0.2), "damaged or truncated"),
    "a truncated image": (_truncated(plain, 0.7), r"is truncated: it has \d+ bytes of \d+"),
    "a truncated compressed image": (_truncated(compressed, 0.9), "is truncated: it has"),
    "a truncated gzip": (_truncated(gzipped, 0.6), "damaged or truncated"),
    "a damaged gzip": (_damaged_gzip, "damaged or truncated"),
    "no image": (_hdus(fits.PrimaryHDU()), "contains no image"),
    "a table": (_hdus(fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])), "contains no image"),
    "a cube": (_hdus(fits.PrimaryHDU(np.zeros((3, 4, 5), np.int16))), r"3 axes \(5x4x3\), not 2"),
    "a spectrum": (_hdus(fits.PrimaryHDU(np.zeros(5, np.int16))), r"1 axes \(5\), not 2"),
    "no columns": (_declared(NAXIS1=0), "0x60 pixels, is not plausible"),
    "one column": (_hdus(fits.PrimaryHDU(np.zeros((60, 1), np.int16))), "1x60 pixels, is not plausible"),
    "negative columns": (_declared(NAXIS1=-80), r"NAXIS|damaged|not plausible"),
    "a huge image": (_declared(NAXIS1=2_000_000_000, NAXIS2=2_000_000_000), "truncated|not plausible"),
    "a thousand axes": (_declared(NAXIS=1000), "axes|damaged|NAXIS"),
    "negative axes": (_declared(NAXIS=-2), "axes|damaged|contains no image"),
}


@pytest.mark.parametrize("kind", NOT_AN_IMAGE)
def test_a_file_without_an_image_is_refused_with_its_name_and_the_reason(tmp_path: Path, kind: str) -> None:
    make, reason = NOT_AN_IMAGE[kind]
    path = tmp_path / "bad.fits"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ReadError, match=rf"bad\.fits: .*({reason})") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [file.name for file in tmp_path.iterdir()] in ([], ["bad.fits"])


@pytest.mark.parametrize(
    ("cards", "error", "reason"),
    [
        ({"CTYPE1": None}, HeaderError, "no WCS: .*CTYPE1"),
        ({"CRPIX2": None}, HeaderError, "CRPIX2 is (missing|empty)"),
        ({"CRVAL1": None}, HeaderError, "CRVAL1 is (missing|empty)"),
        ({"CDELT1": None}, HeaderError, "CDELT1 is (missing|empty)"),
        ({"CDELT2": 0.0}, HeaderError, "CDELT2 is 0"),
        ({"CRPIX1": "left"}, HeaderError, "CRPIX1 is 'left'; a finite number is needed"),
        ({"CTYPE1": "X", "CTYPE2": "Y"}, HeaderError, "not celestial"),
        ({"CTYPE2": "HPLN-TAN"}, HeaderError, "no WCS"),
        ({"INSTRUME": "HMI_SIDE1"}, InstrumentError, "unknown instrument: .*HMI_SIDE1"),
        ({"INSTRUME": None}, InstrumentError, "unknown instrument"),
        ({"WAVELNTH": 195}, InstrumentError, "WAVELNTH=195"),
    ],
)
def test_an_unusable_header_is_refused_with_the_name_of_the_file(
    tmp_path: Path, cards: dict, error: type[PrepError], reason: str
) -> None:
    path = plain(tmp_path / "bad.fits", **cards)
    with pytest.raises(error, match=rf"bad\.fits: .*{reason}") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("keyword", ["CTYPE1", "CTYPE2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2"])
def test_a_file_without_a_wcs_keyword_is_refused_naming_it(tmp_path: Path, keyword: str) -> None:
    header, data = header_and_data()
    del header[keyword]
    fits.PrimaryHDU(data, header).writeto(tmp_path / "bad.fits")
    with pytest.raises(HeaderError, match=rf"bad\.fits: .*{keyword} is missing"):
        read(tmp_path / "bad.fits")
