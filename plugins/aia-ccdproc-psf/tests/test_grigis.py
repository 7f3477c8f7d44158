"""Tests of the point spread functions of Grigis et al. 2012."""

from __future__ import annotations

import sys

import astropy.units as u
import numpy as np
import pytest

from aia_ccdproc import InstrumentError, SettingsError
from aia_ccdproc_psf import point_spread_function
from aia_ccdproc_psf.grigis import CHANNELS


class Small:
    """numpy, but with arrays of 512 x 512 pixels in place of those of a full frame, whose size is fixed in aiapy."""

    def __getattr__(self, name):
        return getattr(np, name)

    def zeros(self, shape, **options):
        assert shape == (4096, 4096)
        return np.zeros((512, 512), **options)


@pytest.mark.parametrize(("channel", "preflight"), [(94, False), (171, False), (304, True), (335, True)])
def test_psf_equals_that_of_aiapy(channel, preflight, monkeypatch):
    aiapy_psf = pytest.importorskip("aiapy.psf")
    monkeypatch.setattr(sys.modules["aiapy.psf.psf"], "np", Small())
    orders = 6  # all spots are within the small array
    theirs = aiapy_psf.psf(
        channel * u.angstrom, diffraction_orders=range(-orders, orders + 1), use_preflightcore=preflight, use_gpu=False
    )
    model = "grigis2012-preflight" if preflight else "grigis2012"
    ours = point_spread_function(channel, model, orders=orders, size=512)
    np.testing.assert_allclose(ours, theirs / theirs.sum(), atol=1e-13)


@pytest.mark.parametrize("channel", CHANNELS)
def test_psf_has_its_source_in_the_middle_and_all_light(channel):
    psf = point_spread_function(channel, size=1024)
    assert np.unravel_index(psf.argmax(), psf.shape) == (512, 512)
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert psf.min() >= 0
    inner = psf[512 - 300 : 512 + 301, 512 - 300 : 512 + 301]
    np.testing.assert_allclose(inner, inner[::-1, ::-1], atol=1e-17)  # spots of opposite orders are equally bright


def test_light_outside_of_a_small_array_is_not_in_it():
    """The spots of the entrance mesh are outside. What is left is the pattern of the focal-plane mesh."""
    psf = point_spread_function(335, size=16)
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert np.isfinite(psf).all()


def test_diffraction_spots_are_where_the_grating_equation_has_them():
    """The third order of a mesh of wires, at three times the spacing of the first, in the direction of its arm."""
    psf = point_spread_function(304, size=512)
    angle, order = np.radians(49.76), 3
    x, y = 28.87 * order * np.cos(angle), 28.87 * order * np.sin(angle)
    rows, columns = np.indices(psf.shape) - 256
    near = np.hypot(columns - x, rows - y) < 2.5
    assert np.average(columns[near], weights=psf[near]) == pytest.approx(x, abs=0.15)
    assert np.average(rows[near], weights=psf[near]) == pytest.approx(y, abs=0.15)


def test_fraction_of_the_light_outside_of_the_core_is_that_which_the_meshes_diffract():
    psf = point_spread_function(171, size=4096)
    rows, columns = np.indices(psf.shape, dtype=np.float32, sparse=True)
    core = np.hypot(rows - 2048, columns - 2048) < 3
    # Each mesh diffracts 18 %. The first orders of the focal-plane mesh (0.38 pixels apart) are still in the core.
    assert 1 - 0.82**2 > psf[~core].sum() > 0.18


def test_preflight_core_is_wider():
    measured, preflight = (
        point_spread_function(171, model, size=64) for model in ("grigis2012", "grigis2012-preflight")
    )
    assert preflight[32, 32] < 0.5 * measured[32, 32]


@pytest.mark.parametrize("channel", [1600, 4500])
def test_a_channel_without_a_model_is_refused(channel):
    with pytest.raises(InstrumentError, match=rf"for the channel {channel} Å; available: 94, 131.* Name the FITS file"):
        point_spread_function(channel)


@pytest.mark.parametrize("wrong", [{"model": "gigis"}, {"orders": 0}, {"size": 2.5}])
def test_a_wrong_argument_is_refused(wrong):
    with pytest.raises(SettingsError, match=str(next(iter(wrong.values())))):
        point_spread_function(171, **wrong)
