"""How far the geometry of an image was corrected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from aia_ccdproc.report.results import Geometry

__all__ = ["Corrections", "corrections"]


class Corrections(NamedTuple):
    """Corrections of one image. What is not known, or has no meaning for the image, is None."""

    pointing: tuple[float, float] | None = None
    """Where the pointing record places the Sun's center, relative to the header of level 1, in level-1 pixels."""
    pointing_roll: float | None = None
    """Roll angle by the record minus that by the header, in degrees."""
    shift: tuple[float, float] | None = None
    """How far the Sun's center was moved relative to the middle of the image, in pixels."""
    roll: float | None = None
    """Roll angle that was removed, in degrees."""
    scales: tuple[float, float] | None = None
    """Plate scale of the level-1 image and of the output, in arcsec per pixel."""


def corrections(geometry: Mapping[str, Geometry]) -> Corrections:
    """Compute the corrections of an image.

    Parameters
    ----------
    geometry : mapping of str to `~aia_ccdproc.report.results.Geometry`
        Geometries of the image, as in `~aia_ccdproc.FileResult`.

    Returns
    -------
    `Corrections`
        The corrections. The shift is known if input and output have the same size: an output that shows another field
        has another corner.
    """
    before, record, after = (geometry.get(name) for name in ("input", "corrected", "output"))
    if before is None:
        return Corrections()
    pointing = pointing_roll = shift = None
    if record is not None:
        pointing = (record["sun_x"] - before["sun_x"], record["sun_y"] - before["sun_y"])
        pointing_roll = _turn(record["roll"] - before["roll"])
    if after is None:
        return Corrections(pointing, pointing_roll)
    used = record or before
    if list(after["size"]) == list(used["size"]):
        shift = (after["sun_x"] - used["sun_x"], after["sun_y"] - used["sun_y"])
    return Corrections(
        pointing, pointing_roll, shift, _turn(used["roll"] - after["roll"]), (used["scale"], after["scale"])
    )


def _turn(degrees: float) -> float:
    """Return an angle between -180 and 180 degrees."""
    return math.remainder(degrees, 360)
