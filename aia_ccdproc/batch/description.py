"""What the results and reports tell of an image: read from the headers of the input and of the output."""

from __future__ import annotations

import math
from contextlib import suppress

from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.header import readable_header
from aia_ccdproc.images.times import observation_time, parse_time
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import plate_scale, roll_angle, sun_center, wcs_from_header
from aia_ccdproc.recipe.conditions import read_bits
from aia_ccdproc.recipe.quality import quality_names
from aia_ccdproc.report.caption import instrument_name
from aia_ccdproc.report.colors import get_channel
from aia_ccdproc.report.results import Geometry, Observation

__all__ = ["describe_geometry", "describe_limb", "describe_observation", "describe_pointing", "image_geometry"]

#: Keywords of the pointing record, which ``update_pointing`` writes.
_POINTING = {"record": "MPO_REC", "source": "MPO_SRC", "start": "MPO_TBEG", "hash": "MPO_HASH"}
#: Keywords of the limb that was fitted in the pixels, in arcsec. A plugin writes them.
_LIMB = {
    "x": "LIMB_X",
    "y": "LIMB_Y",
    "radius": "LIMB_R",
    "x_error": "LIMB_XE",
    "y_error": "LIMB_YE",
    "radius_error": "LIMB_RE",
}


def describe_observation(header: fits.Header) -> Observation:
    """Describe an exposure.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the level-1 image, or of the output.

    Returns
    -------
    `~aia_ccdproc.report.results.Observation`
        Its instrument, channel, time, exposure time and quality. What the header does not tell is empty or None. The
        bits of the quality have names for AIA only.
    """
    bits, instrument = read_bits(header.get("QUALITY")), instrument_name(header)
    return Observation(
        instrument=instrument,
        channel=get_channel(header),
        time=_observation_time(header),
        exposure=_number(header, "EXPTIME"),
        quality=bits,
        quality_names=quality_names(bits) if bits is not None and instrument == "AIA" else [],
    )


def _observation_time(header: fits.Header) -> str:
    """Return the time of the exposure, UTC; empty if the header does not have it."""
    with suppress(HeaderError):
        return str(observation_time(header).isot)
    with suppress(HeaderError):
        return str(parse_time(header.get("DATE-OBS")).isot)
    return ""


def image_geometry(image: CCDData | fits.Header) -> Geometry | None:
    """Measure the geometry of an image.

    Parameters
    ----------
    image : `~astropy.nddata.CCDData` or `~astropy.io.fits.Header`
        The image, or its complete header.

    Returns
    -------
    `~aia_ccdproc.report.results.Geometry` or None
        The center of the Sun, the roll, the plate scale and the size; None if there is no helioprojective WCS.
    """
    try:
        wcs = wcs_from_header(image) if isinstance(image, fits.Header) else image.wcs
        shape = wcs.array_shape if isinstance(image, fits.Header) else image.shape
        if not isinstance(wcs, WCS) or wcs.naxis != 2 or shape is None:
            return None
        x, y = map(float, sun_center(wcs))
    except HeaderError:
        return None
    if not (math.isfinite(x) and math.isfinite(y)):  # the axes are not helioprojective
        return None
    return Geometry(sun_x=x, sun_y=y, roll=roll_angle(wcs) + 0.0, scale=plate_scale(wcs), size=list(shape[::-1]))


def describe_geometry(level1: CCDData | fits.Header, image: CCDData | fits.Header) -> dict[str, Geometry]:
    """Describe how the geometry of an image was corrected.

    Parameters
    ----------
    level1 : `~astropy.nddata.CCDData` or `~astropy.io.fits.Header`
        The level-1 image as it was read, or its complete header.
    image : `~astropy.nddata.CCDData` or `~astropy.io.fits.Header`
        The output, or its complete header.

    Returns
    -------
    dict of str to `~aia_ccdproc.report.results.Geometry`
        ``"input"``: by the header as it was read. ``"corrected"``: of the same pixels, by the pointing record, if one
        was used. ``"output"``: of the output. A geometry that is not known is left out.
    """
    before, after = image_geometry(level1), image_geometry(image)
    known: dict[str, Geometry] = {}
    if before is not None:
        headers = [each if isinstance(each, fits.Header) else readable_header(each) for each in (level1, image)]
        known["input"] = before
        if (corrected := _by_record(before, *headers)) is not None:
            known["corrected"] = corrected
    return known if after is None else {**known, "output": after}


def _by_record(before: Geometry, level1: fits.Header, output: fits.Header) -> Geometry | None:
    """Return the geometry of the level-1 pixels by the pointing record; None if no record was used.

    The pixel of the Sun's center is shifted by the change of X0_MP and Y0_MP; see
    `~aia_ccdproc.steps.pointing.update_pointing`.
    """
    if "MPO_TBEG" not in output:
        return None
    try:
        shift = [finite_number(output, key) - finite_number(level1, key) for key in ("X0_MP", "Y0_MP")]
        roll = finite_number(output, "INST_ROT") + finite_number(output, "SAT_ROT")
        scale = finite_number(output, "IMSCL_MP")
    except HeaderError:
        return None
    return Geometry(
        sun_x=before["sun_x"] + shift[0], sun_y=before["sun_y"] + shift[1], roll=roll, scale=scale, size=before["size"]
    )


def describe_limb(header: fits.Header) -> dict[str, float]:
    """Read the limb that was fitted in the pixels of an output.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the output.

    Returns
    -------
    dict of str to float
        ``x`` and ``y``, the center of the fitted limb, ``radius``, and the errors of the three, in arcsec. Empty if the
        limb was not measured.
    """
    numbers = {name: _number(header, keyword) for name, keyword in _LIMB.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def describe_pointing(header: fits.Header) -> dict[str, str]:
    """Read the pointing record of an output.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the output.

    Returns
    -------
    dict of str to str
        ``record``, ``source``, ``start`` and ``hash``, as far as the header has them.
    """
    return {name: str(header[keyword]) for name, keyword in _POINTING.items() if keyword in header}


def _number(header: fits.Header, keyword: str) -> float | None:
    try:
        return finite_number(header, keyword)
    except HeaderError:
        return None
