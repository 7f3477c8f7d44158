"""Colors and stretch of an image are those of its channel, and do not depend on its unit."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from aia_ccdproc.report.colors import channel_colormap, stretch, to_rgb

CHANNELS = (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500)


@pytest.mark.parametrize("channel", [*CHANNELS, 6173, None])
def test_counts_and_rates_look_the_same(channel: int | None) -> None:
    data = np.random.default_rng(3).gamma(1.5, 200, (60, 60))
    header = fits.Header({"WAVELNTH": channel})
    levels = stretch(data, header)
    np.testing.assert_allclose(stretch(data / 2.9, header), levels, atol=1e-6)
    assert levels.min() == 0
    assert levels.max() == 1
    order = np.argsort(data, axis=None)
    assert (np.diff(levels.ravel()[order]) >= 0).all()


def test_zero_field_is_middle_gray() -> None:
    field = np.random.default_rng(2).normal(30, 100, (40, 40))
    field[0, 0] = 0
    header = fits.Header({"WAVELNTH": 6173, "BUNIT": "Gauss"})
    painted = to_rgb(field, header)
    assert painted[0, 0].tolist() == [128, 128, 128]
    assert (np.ptp(painted.astype(int), axis=2) == 0).all()


@pytest.mark.parametrize("channel", CHANNELS)
def test_colormaps_are_those_of_sunpy(channel: int) -> None:
    expected = pytest.importorskip("sunpy.visualization.colormaps").cmlist[f"sdoaia{channel}"](np.arange(256))
    np.testing.assert_allclose(channel_colormap(channel).astype(int), expected[:, :3] * 255, atol=4)
