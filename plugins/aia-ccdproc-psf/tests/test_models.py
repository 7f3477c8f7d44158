"""Tests of the cache of models, and of point spread functions of users."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from aia_ccdproc import ReadError, SettingsError
from aia_ccdproc_psf import models
from aia_ccdproc_psf.models import check_psf, load_psf, read_psf


def gaussian(ny, nx, sigma=1.5):
    rows, columns = np.indices((ny, nx))
    psf = np.exp(-0.5 * ((rows - ny // 2) ** 2 + (columns - nx // 2) ** 2) / sigma**2)
    return psf / psf.sum()


def test_a_model_is_computed_once_and_then_read_from_the_cache(cache_folder, monkeypatch):
    first = load_psf(94, "grigis2012")
    assert len(list(cache_folder.rglob("*.npy"))) == 1
    monkeypatch.setattr(models, "grigis_psf", lambda *_, **__: pytest.fail("computed again"))
    np.testing.assert_array_equal(load_psf(94, "grigis2012"), first)
    assert first.sum(dtype=float) == pytest.approx(1, abs=1e-6)
    assert first.shape[0] == first.shape[1] < 4096  # without the empty border


def test_models_have_different_files_in_the_cache(cache_folder):
    load_psf(94, "grigis2012")
    load_psf(94, "grigis2012-preflight")
    assert len(list(cache_folder.rglob("*.npy"))) == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_in_the_cache_is_replaced(cache_folder, damage):
    first = load_psf(94, "grigis2012")
    [path] = cache_folder.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:2000] if damage is None else damage)
    np.testing.assert_array_equal(load_psf(94, "grigis2012"), first)
    np.testing.assert_array_equal(np.load(path), first)


def test_a_cache_that_cannot_be_written_does_not_matter(cache_folder):
    (cache_folder / "aia_ccdproc").write_text("a file where a folder is needed")
    assert load_psf(94, "grigis2012").sum(dtype=float) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (33, 33), (40, 31), (1, 1)])
def test_a_psf_of_any_shape_is_read_with_its_source_in_the_middle(tmp_path, shape):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(gaussian(*shape))]).writeto(tmp_path / "psf.fits")
    psf = read_psf(tmp_path / "psf.fits")
    assert all(n % 2 for n in psf.shape)
    assert np.unravel_index(psf.argmax(), psf.shape) == tuple(n // 2 for n in psf.shape)
    assert psf.sum(dtype=float) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        (2 * gaussian(32, 32), "its sum is 2, not 1. Divide it"),
        (np.roll(gaussian(32, 32), 1, axis=1), "maximum is at row 16 and column 17, but its center is at row 16 and"),
        (gaussian(32, 32) - 1e-3, "negative or not finite"),
        (np.full((8, 8), np.nan), "negative or not finite"),
        (np.ones(5), r"shape \(5,\) and type float64 is not a point spread function"),
        (np.zeros((2, 9000)), "at most 8193 pixels"),
        (np.array([["a"]]), "is not a point spread function"),
    ],
)
def test_an_array_that_is_not_a_psf_is_refused(psf, message):
    with pytest.raises(SettingsError, match=message):
        check_psf(psf)


def test_a_file_that_is_not_a_psf_is_refused(tmp_path):
    with pytest.raises(ReadError, match="no such file with a point spread function"):
        read_psf(tmp_path / "none.fits")
    (tmp_path / "text.fits").write_text("not FITS")
    with pytest.raises(ReadError, match=r"text\.fits: is not a FITS file"):
        read_psf(tmp_path / "text.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(ReadError, match="contains no image of two dimensions"):
        read_psf(tmp_path / "empty.fits")
