"""Instruments: the binning of their images."""

from __future__ import annotations

import pytest

from aia_ccdproc import Instrument
from aia_ccdproc.steps.aia import AIA


@pytest.mark.parametrize(
    ("scale", "shape", "binning"),
    [
        (0.6, (4096, 4096), 1),
        (0.609, None, 1),
        (0.6, (9000, 9000), 1),  # the size of an image at native scale does not matter
        (2.4, (1024, 1024), 4),
        (2.4, (1100, 1500), 4),  # a margin
        (19.2, (128, 128), 32),
        (0.6 * 4096, (1, 1), 4096),
        (0.6 * 4097, (1, 1), 0),
        (0.9, (100, 100), 0),
        (2.4, (4096, 4096), 0),
        (0.6 * 3600, (4096, 4096), 0),
        (0.6 * 3597, (60, 80), 0),
        (0.0, None, 0),
        (float("inf"), None, 0),
        (float("nan"), None, 0),
    ],
)
def test_no_image_is_binned_more_often_than_its_frame_has_pixels(
    scale: float, shape: tuple[int, int] | None, binning: int
) -> None:
    assert AIA.binning(scale, shape) == binning


def test_an_image_of_an_unknown_frame_is_not_wider_than_any_detector() -> None:
    generic = Instrument.generic(3.16)
    assert generic.binning(3.16 * 2, (1024, 1024)) == 2
    assert generic.binning(3.16 * 3600, (60, 80)) == 0
