"""Tests of the noise model: its terms one by one, and comparison with aiapy."""

from __future__ import annotations

import math
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aia_ccdproc import InstrumentError
from aia_ccdproc.tables import CalibrationTable
from aia_ccdproc_noise import noise_sigma

CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)
READ = {1: 1.18, 2: 1.20, 3: 1.15, 4: 1.14}
CAMERA = {94: 4, 131: 1, 171: 3, 193: 2, 211: 2, 304: 4, 335: 1, 1600: 3, 1700: 3, 4500: 3}


@pytest.mark.parametrize("channel", CHANNELS)
def test_noise_of_zero_counts_is_that_of_the_camera(channel):
    floor = math.sqrt(0.18**2 + READ[CAMERA[channel]] ** 2 + 1 / 12)
    for counts in (0.0, -3.0, -1e-30):
        assert noise_sigma(np.array(counts), channel, 1.1, 14.0) == pytest.approx(floor, rel=1e-12)


def test_shot_noise_depends_on_the_number_of_photons():
    # 100 DN at 4 DN per photon are 25 photons with a noise of 5 photons or 20 DN. Compression adds a tenth of that.
    floor = 0.18**2 + 1.15**2 + 1 / 12
    assert noise_sigma(np.array(100.0), 171, 4.0, 10.0) == pytest.approx(math.sqrt(20**2 + 2**2 + floor))


def test_compression_noise_is_zero_below_25_dn_and_then_at_least_that_of_rounding():
    floor, gain = 0.18**2 + 1.15**2 + 1 / 12, 0.01
    below, at, above = noise_sigma(np.array([24.999, 25.0, 1000.0]), 171, gain, 14.0) ** 2 - floor
    assert below == pytest.approx(24.999 * gain)
    assert at == pytest.approx(25 * gain + 1 / 12)
    assert above == pytest.approx(1000 * gain + 1 / 12)
    assert noise_sigma(np.array(1e5), 171, 1.0, 10.0) ** 2 - floor == pytest.approx(1e5 * 1.01)


def test_systematic_errors_are_added_in_quadrature():
    counts = np.array(200.0)
    plain = noise_sigma(counts, 193, 1.0, 12.0)
    both = noise_sigma(counts, 193, 1.0, 12.0, (0.25, 0.5))
    assert both == pytest.approx(math.sqrt(plain**2 + 50**2 + 100**2))


@given(counts=st.floats(-100, 16383), channel=st.sampled_from(CHANNELS), gain=st.floats(0.05, 3))
def test_noise_is_finite_positive_and_the_same_in_both_precisions(counts, channel, gain):
    values = np.array([counts], dtype=np.float32)
    single, double = (noise_sigma(values.astype(kind), channel, gain, 10.0) for kind in (np.float32, np.float64))
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert double[0] >= 1.14
    np.testing.assert_allclose(single, double, rtol=1e-6)


def test_nan_stays_nan_and_integers_are_accepted():
    sigma = noise_sigma(np.array([np.nan, 9.0], np.float32), 171, 1.0, 10.0)
    assert np.isnan(sigma).tolist() == [True, False]
    assert noise_sigma(np.array([[9]], np.int16), 171, 1.0, 10.0)[0, 0] == sigma[1]


def test_an_unknown_channel_is_an_error():
    with pytest.raises(InstrumentError, match="no channel of 174 Å; available: 94, 131"):
        noise_sigma(np.ones(3), 174, 1.0, 10.0)


@pytest.mark.parametrize(
    ("keywords", "columns"),
    [
        ({}, ()),
        ({"include_preflight": True}, ("CALERR",)),
        ({"include_eve": True, "include_chianti": True}, ("EVEERR", "CHIANTI")),
    ],
)
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_noise_is_that_of_aiapy(channel, keywords, columns, real_data: Path):
    uncertainty = pytest.importorskip("aiapy.calibrate.uncertainty")
    util = pytest.importorskip("aiapy.calibrate.util")
    path = real_data / "response" / "aia_V3_error_table.txt"
    counts = np.concatenate([np.linspace(0, 60, 61), np.geomspace(61, 16383, 200)])
    theirs = uncertainty.estimate_error(
        counts * u.DN / u.pix, channel * u.AA, error_table=util.get_error_table(path), **keywords
    )
    rows = CalibrationTable.read(path).select(channel)
    terms = tuple(rows[name][0] for name in columns)
    ours = noise_sigma(counts, channel, rows["DNPERPHT"][0], rows["COMPRESS"][0], terms)
    np.testing.assert_allclose(ours, theirs.to_value(theirs.unit), rtol=1e-6)
