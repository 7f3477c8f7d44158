"""How an image is shown: its channel's colours and stretch, averaged to a screen's size, and what it is called."""

from __future__ import annotations

import math

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.values import finite_number

__all__ = ["block_mean", "caption", "channel_of", "colours", "limb_radius", "palette", "stretch"]

#: Shown where there is no valid pixel.
NO_DATA = (32, 48, 64)
#: What is cut off at the faint and at the bright end, per cent of the pixels shown.
_PERCENTILES = (0.5, 99.8)
#: Samples of a block along each axis, at least: they average the noise out, and the rest need not be read.
_SAMPLES = 6
#: How far a channel's stretch is from linear: asinh of the brightness times this. SSW's aia_intscale shows the
#: corona by its square root (94, 171) or logarithm, and the photosphere as it is.
_SOFTENING = {94: 20.0, 171: 20.0, 1600: 3.0, 1700: 0.0, 4500: 0.0, 6173: 0.0}
_CORONA = 40.0
#: Units of quantities that have a sign: magnetic field and velocity.
_SIGNED = frozenset(["gauss", "g", "mx/cm^2", "m/s", "m / s", "cm/s", "km/s"])

# SSW's aia_lct (P. Boerner) makes AIA's colours of ramps: a square root, a line, a square, a mean of these, and the
# red, green and blue of IDL's colour table 3, "red temperature", which rise one after the other.
_LEVELS = np.linspace(0, 1, 256)
_ROOT, _LINE, _SQUARE = np.sqrt(_LEVELS), _LEVELS, _LEVELS**2
_MEAN = (_ROOT + _SQUARE / 2) / 1.5
_RED, _GREEN, _BLUE = ((_LEVELS * 255 - start) / (end - start) for start, end in ((0, 176), (120, 255), (190, 255)))
_RAMPS = {
    94: (_SQUARE, _MEAN, _LINE),
    131: (_GREEN, _RED, _RED),
    171: (_RED, _LINE, _BLUE),
    193: (_ROOT, _LINE, _SQUARE),
    211: (_ROOT, _LINE, _MEAN),
    304: (_RED, _GREEN, _BLUE),
    335: (_SQUARE, _LINE, _ROOT),
    1600: (_MEAN, _MEAN, _SQUARE),
    1700: (_ROOT, _LINE, _LINE),
    4500: (_LINE, _LINE, _BLUE / 2),
}
_GRAY = (_LINE, _LINE, _LINE)


def channel_of(header: fits.Header) -> int | None:
    """Tell the channel of an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header.

    Returns
    -------
    int or None
        WAVELNTH, angstrom; None where there is none.
    """
    try:
        return round(finite_number(header, "WAVELNTH"))
    except HeaderError:
        return None


def palette(channel: int | None) -> np.ndarray:
    """Give the colours in which a channel is usually shown.

    Parameters
    ----------
    channel : int or None
        Wavelength, angstrom.

    Returns
    -------
    `~numpy.ndarray`
        Red, green, blue from faint to bright, uint8, shape ``(256, 3)``; AIA's as in SSW, gray for others.
    """
    ramps = _RAMPS.get(channel, _GRAY) if channel is not None else _GRAY
    return np.floor(np.clip(np.stack(ramps, axis=1), 0, 1) * 255 + 1e-9).astype(np.uint8)


def block_mean(ccd: CCDData, size: int) -> np.ndarray:
    """Average an image down to a screen's size, without what is masked or not finite.

    Large blocks are averaged over a lattice of 6 × 6 of their pixels or more: the picture is the same to the eye, and
    most of the image is not read.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of shape ``(ny, nx)``.
    size : int
        Pixels of the longer side; a smaller image stays as it is.

    Returns
    -------
    `~numpy.ndarray`
        Means of the blocks, float32; NaN where a block has no valid pixel.
    """
    longest = max(ccd.shape)
    step = max(1, longest // (_SAMPLES * size))
    lattice = (slice(step // 2, None, step),) * 2
    values = ccd.data[lattice].astype(np.float32)
    valid = np.isfinite(values)
    if ccd.mask is not None:
        valid &= ~np.broadcast_to(np.asarray(ccd.mask, dtype=bool), ccd.shape)[lattice]
    if not valid.all():
        values[~valid] = 0
    else:
        valid = np.ones((1, 1), dtype=bool)
    weights = np.broadcast_to(valid, values.shape)
    for axis in (1, 0):
        blocks = max(1, round(ccd.shape[axis] * min(1, size / longest)))
        starts = np.arange(blocks) * values.shape[axis] // blocks
        values = np.add.reduceat(values, starts, axis=axis)
        weights = np.add.reduceat(weights, starts, axis=axis, dtype=np.float32)
    return np.divide(values, weights, out=np.full_like(values, np.nan), where=weights > 0)


def stretch(values: np.ndarray, header: fits.Header) -> np.ndarray:
    """Bring the brightness of an image to the range from 0 to 1, as its channel is usually shown.

    The ends come from the image itself, so that cutouts, short exposures, an ageing channel, DN and DN/s all show what
    there is to see. What has a sign, a magnetogram say, keeps its zero in the middle.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Brightness; NaN where there is none.
    header : `~astropy.io.fits.Header`
        Header, with WAVELNTH and BUNIT if it has them.

    Returns
    -------
    `~numpy.ndarray`
        Numbers from 0 to 1; NaN where there was none, and 0.5 throughout for an image that is all the same.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return np.full(values.shape, np.nan)
    signed = str(header.get("BUNIT", "")).strip().lower() in _SIGNED
    if signed:
        high = float(np.percentile(np.abs(finite), _PERCENTILES[1]))
        low = -high
    else:
        low, high = (float(p) for p in np.percentile(finite, _PERCENTILES))
    if not high > low:
        low, high = float(finite.min()), float(finite.max())
    if not high > low:
        return np.where(np.isfinite(values), 0.5, np.nan)
    level = np.clip((values - low) / (high - low), 0, 1)
    softening = 0.0 if signed else _SOFTENING.get(channel_of(header) or 0, _CORONA)
    return np.arcsinh(level * softening) / math.asinh(softening) if softening else level


def colours(values: np.ndarray, header: fits.Header) -> np.ndarray:
    """Paint an image in its channel's colours.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Brightness, shape ``(ny, nx)``; NaN where there is none.
    header : `~astropy.io.fits.Header`
        Header of the image.

    Returns
    -------
    `~numpy.ndarray`
        Red, green, blue, uint8, shape ``(ny, nx, 3)``; rows in the order of the image's.
    """
    levels = stretch(values, header)
    valid = np.isfinite(levels)
    painted = palette(channel_of(header))[np.where(valid, levels * 255 + 0.5, 0).astype(np.uint8)]
    painted[~valid] = NO_DATA
    return painted


def caption(header: fits.Header) -> str:
    """Say in a line what an image is.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; what it lacks is left out.

    Returns
    -------
    str
        ``"AIA 171 Å, 2017-08-07T23:59:46, level 1"``.
    """
    instrument = str(header.get("INSTRUME", header.get("TELESCOP", ""))).partition("_")[0].strip()
    channel = channel_of(header)
    time = str(header.get("T_OBS") or header.get("DATE-OBS") or "").strip()
    level = header.get("LVL_NUM")
    parts = [
        " ".join(filter(None, (instrument, f"{channel} Å" if channel is not None else ""))),
        time.removesuffix("Z").partition(".")[0] if "T" in time and "_" not in time else time,
        f"level {level:g}" if isinstance(level, int | float) else "",
    ]
    return ", ".join(filter(None, parts)) or "image"


def limb_radius(header: fits.Header) -> float | None:
    """Tell the radius of the limb.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header.

    Returns
    -------
    float or None
        RSUN_OBS, or what RSUN_REF at DSUN_OBS is, arcsec; None where the header says neither.
    """
    try:
        return finite_number(header, "RSUN_OBS")
    except HeaderError:
        pass
    try:
        return math.degrees(math.asin(finite_number(header, "RSUN_REF") / finite_number(header, "DSUN_OBS"))) * 3600
    except (HeaderError, ValueError, ZeroDivisionError):
        return None
