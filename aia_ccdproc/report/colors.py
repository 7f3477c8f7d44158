"""Colors of an image: the colormap and the stretch of its channel.

Both are computed here and not taken from sunpy or astropy.visualization, so that a picture does not depend on which
optional packages are installed. sunpy's colormaps are the reference of the tests.
"""

from __future__ import annotations

import math

import numpy as np
from astropy.io import fits

from aia_ccdproc.errors import HeaderError
from aia_ccdproc.images.values import finite_number

__all__ = ["NO_DATA", "brightness_limits", "channel_colormap", "get_channel", "stretch", "to_rgb"]

#: Color (red, green, blue) of pixels without a valid value.
NO_DATA = (32, 48, 64)
#: Percentiles of the brightness that become the darkest and the brightest color.
_PERCENTILES = (0.5, 99.8)
#: Softening of the stretch asinh(softening × brightness), by channel in angstrom; 0 is a linear stretch. SSW's
#: aia_intscale uses a square root (94, 171) or a logarithm for the corona, and no stretch for the photosphere.
_SOFTENING = {94: 20.0, 171: 20.0, 1600: 3.0, 1700: 0.0, 4500: 0.0, 6173: 0.0}
_DEFAULT_SOFTENING = 40.0
#: Units of signed quantities: magnetic field and velocity.
_SIGNED_UNITS = frozenset(["gauss", "g", "mx/cm^2", "m/s", "m / s", "cm/s", "km/s"])

# SSW's aia_lct (P. Boerner) combines ramps for AIA's colors: a square root, a line, a square, and a mean of root and
# square. The other ramps are red, green and blue of IDL's color table 3, "red temperature": they rise one after the
# other.
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


def get_channel(header: fits.Header) -> int | None:
    """Return the channel of an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image.

    Returns
    -------
    int or None
        WAVELNTH in angstrom; None if the header does not have it.
    """
    try:
        return round(finite_number(header, "WAVELNTH"))
    except HeaderError:
        return None


def channel_colormap(channel: int | None) -> np.ndarray:
    """Return the colormap in which a channel is usually shown.

    Parameters
    ----------
    channel : int or None
        Wavelength in angstrom.

    Returns
    -------
    `~numpy.ndarray`
        Red, green and blue from faint to bright, uint8, shape ``(256, 3)``: SSW's colors for AIA's channels, gray for
        other wavelengths.
    """
    ramps = _RAMPS.get(channel, _GRAY) if channel is not None else _GRAY
    colors: np.ndarray = np.floor(np.clip(np.stack(ramps, axis=1), 0, 1) * 255 + 1e-9).astype(np.uint8)
    return colors


def brightness_limits(values: np.ndarray, header: fits.Header) -> tuple[float, float] | None:
    """Return the brightness that becomes the darkest and the brightest color.

    They are percentiles of the image. For signed quantities, such as a magnetogram, 0 is in the middle.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Brightness, any shape; NaN where it is not known.
    header : `~astropy.io.fits.Header`
        Header of the image; BUNIT is used if it exists.

    Returns
    -------
    tuple of float, or None
        The limits; None if the image is constant or has no values.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return None
    if _is_signed(header):
        high = float(np.percentile(np.abs(finite), _PERCENTILES[1]))
        low = -high
    else:
        low, high = (float(limit) for limit in np.percentile(finite, _PERCENTILES))
    if not high > low:
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else None


def stretch(values: np.ndarray, header: fits.Header, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Scale the brightness of an image to the range from 0 to 1, with the usual stretch of its channel.

    By default, the limits are percentiles of the image itself. Cutouts, short exposures and images of a degraded
    channel therefore have contrast, in DN and in DN/s.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Brightness, any shape; NaN where it is not known.
    header : `~astropy.io.fits.Header`
        Header of the image; WAVELNTH and BUNIT are used if they exist.
    limits : tuple of float, optional
        The brightness that becomes 0, and that which becomes 1; by default those of `brightness_limits`.

    Returns
    -------
    `~numpy.ndarray`
        Numbers from 0 to 1, same shape, NaN where the input is not finite. 0.5 everywhere for a constant image.
    """
    low, high = limits or brightness_limits(values, header) or (math.nan, math.nan)
    if math.isnan(low):
        return np.where(np.isfinite(values), 0.5, np.nan)
    levels: np.ndarray = np.clip((values - low) / (high - low), 0, 1)
    softening = 0.0 if _is_signed(header) else _SOFTENING.get(get_channel(header) or 0, _DEFAULT_SOFTENING)
    return np.arcsinh(levels * softening) / math.asinh(softening) if softening else levels


def _is_signed(header: fits.Header) -> bool:
    return str(header.get("BUNIT", "")).strip().lower() in _SIGNED_UNITS


def to_rgb(values: np.ndarray, header: fits.Header, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Convert an image to the colors of its channel.

    Parameters
    ----------
    values : `~numpy.ndarray`
        Brightness, shape ``(ny, nx)``; NaN where it is not known.
    header : `~astropy.io.fits.Header`
        Header of the image.
    limits : tuple of float, optional
        The darkest and the brightest value, as in `stretch`.

    Returns
    -------
    `~numpy.ndarray`
        Red, green and blue, uint8, shape ``(ny, nx, 3)``, rows in the same order as in the image. Pixels without a
        value are `NO_DATA`.
    """
    levels = stretch(values, header, limits)
    valid = np.isfinite(levels)
    rgb = channel_colormap(get_channel(header))[np.where(valid, levels * 255 + 0.5, 0).astype(np.uint8)]
    rgb[~valid] = NO_DATA
    return rgb
