"""Maps that are not affine: every method equals one call of reproject, and the variance follows the local weights."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS, DistortionLookupTable, Sip

from aia_ccdproc.resampling.engine import resample
from aia_ccdproc.resampling.methods import METHODS

#: Larger than the window of a block, so that the input is divided.
SHAPE = (430, 450)
SLOW = [pytest.param(name, marks=pytest.mark.slow) if name == "exact" else name for name in METHODS]


def tangent(shape: tuple[int, int], scale: float = 0.6) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    wcs.wcs.cdelt, wcs.wcs.crpix = [scale / 3600, scale / 3600], [shape[1] * 0.6, shape[0] * 0.4]
    wcs.array_shape = shape
    return wcs


def with_sip(wcs: WCS, strength: float) -> WCS:
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[2, 0], a[1, 1], b[0, 2], b[2, 0] = strength, -strength, strength / 2, strength
    distorted = wcs.deepcopy()
    distorted.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    distorted.sip = Sip(a, b, None, None, [200.0, 190.0])
    return distorted


def with_table(wcs: WCS) -> WCS:
    rows, columns = np.mgrid[0:6, 0:6]
    distorted = wcs.deepcopy()
    for name, values in (("cpdis1", 2 * np.sin(columns)), ("cpdis2", 2 * np.cos(rows))):
        setattr(distorted, name, DistortionLookupTable(values.astype(np.float32), (1, 1), (1, 1), (100, 100)))
    return distorted


def orthographic(wcs: WCS) -> WCS:
    """Return another projection about another point."""
    other = wcs.deepcopy()
    other.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    other.wcs.crval = [0.002, -0.001]
    return other


PLAIN = tangent(SHAPE)
OTHER = tangent((400, 420), 0.61)
WCS_PAIRS = {
    "SIP in the input": (with_sip(PLAIN, 3e-6), OTHER),
    "SIP in the target": (PLAIN, with_sip(OTHER, 3e-6)),
    "SIP in both": (with_sip(PLAIN, 3e-6), with_sip(OTHER, 1e-6)),
    "lookup table in the input": (with_table(PLAIN), OTHER),
    "another projection": (PLAIN, orthographic(OTHER)),
}


@pytest.mark.parametrize("method", SLOW)
@pytest.mark.parametrize("pair", WCS_PAIRS)
def test_blocks_equal_one_call_of_reproject(pair, method):
    source, target = WCS_PAIRS[pair]
    data = np.random.default_rng(0).normal(100, 30, SHAPE).astype(np.float32)
    blocks = resample(data, None, None, source, target, target.array_shape, method).data
    whole = METHODS[method].reproject((data, source), target, shape_out=target.array_shape, return_footprint=False)
    covered = np.isfinite(blocks)
    assert covered.mean() > 0.8
    np.testing.assert_allclose(blocks[covered], whole[covered], atol=1e-4)


# -- variance ------------------------------------------------------------------------------------

SIDE = 10
#: Distortion by which the size of the output pixels, in input pixels, differs from 0.5 to 2.
CURVED = with_sip(tangent((SIDE, SIDE)), 0)
CURVED.sip = Sip(np.array([[0, 0, 0], [0, 0.03, 0], [0.03, 0, 0]]), np.zeros((3, 3)), None, None, [5.0, 5.0])


@pytest.mark.parametrize(
    "method",
    ["adaptive-hann", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bicubic", "adaptive-gaussian"))],
)
def test_the_variance_is_that_of_the_local_weights(method):
    """Compared with the response to an impulse in every input pixel."""
    source = tangent((SIDE, SIDE))
    impulses = np.eye(SIDE * SIDE, dtype=np.float32).reshape(-1, SIDE, SIDE)
    weights = np.array([resample(each, None, None, source, CURVED, (SIDE, SIDE), method).data for each in impulses])
    variance = (100 ** np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE))).astype(np.float32)
    expected = np.einsum("irc,i->rc", weights.astype(float) ** 2, variance.ravel())
    result = resample(impulses[0], variance, None, source, CURVED, (SIDE, SIDE), method)
    covered = np.isfinite(result.data) & (weights.sum(axis=0) > 0.99)
    assert covered.sum() > 30
    np.testing.assert_allclose(result.variance[covered], expected[covered], rtol=0.03)


@pytest.mark.parametrize("method", ["adaptive-hann", "adaptive-gaussian", "exact"])
def test_flags_follow_the_local_weights(method):
    source = tangent((SIDE, SIDE))
    flags = np.zeros((SIDE, SIDE), dtype=np.uint8)
    flags[5, 7], flags[2, 2] = 1, 2
    data = np.ones((SIDE, SIDE), dtype=np.float32)
    result = resample(data, None, flags, source, CURVED, (SIDE, SIDE), method)
    for value in (1, 2):
        weight = resample((flags == value).astype(np.float32), None, None, source, CURVED, (SIDE, SIDE), method).data
        assert (result.flags[weight > 0.03] >= value).all()
        assert (weight > 0.03).any()
        far = np.isfinite(weight) & (weight < 0.001)
        assert not (result.flags[far] == value).any()


def test_exact_gives_no_variance_on_a_curved_map():
    source = tangent((SIDE, SIDE))
    plane = np.ones((SIDE, SIDE), dtype=np.float32)
    result = resample(plane, plane, None, source, CURVED, (SIDE, SIDE), "exact")
    assert result.variance is None
    assert result.propagation == ""
