"""Statistics of the pixels in an AIA header: DATAMIN to DATAP99."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

__all__ = ["image_statistics", "without_statistics"]

#: Number of pixels processed at a time; several arrays of this size fit into the cache of a core.
_CHUNK_PIXELS = 32768
#: Differences of larger values could overflow float32.
_MAX_FLOAT32_DEVIATION = 1e38
_PERCENTILES = (1, 10, 25, 75, 90, 95, 98, 99)
_KEYWORDS = frozenset(
    ["DATAMIN", "DATAMAX", "DATAMEDN", "DATAMEAN", "DATARMS", "DATASKEW", "DATAKURT", "DATACENT"]
    + [f"DATAP{p:02d}" for p in _PERCENTILES]
)


def without_statistics(header: fits.Header) -> fits.Header:
    """Copy a header without the statistics of its pixels, which have changed.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; not changed.

    Returns
    -------
    `~astropy.io.fits.Header`
        The copy.
    """
    return fits.Header([card for card in header.cards if card.keyword not in _KEYWORDS], copy=True)


def image_statistics(data: np.ndarray, mask: np.ndarray | None = None) -> fits.Header:
    """Compute the statistics that JSOC and SSW write, from the good pixels.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, shape ``(ny, nx)``.
    mask : `~numpy.ndarray`, optional
        True for pixels to ignore. Pixels that are not finite are always ignored.

    Returns
    -------
    `~astropy.io.fits.Header`
        TOTVALS, DATAVALS, MISSVALS, PERCENTD and, if at least one pixel is good, DATAMIN, DATAMAX, DATAMEDN, DATAMEAN,
        DATARMS, DATASKEW, DATAKURT (excess), DATACENT and the percentiles. DATARMS is the rms deviation from the mean.

    Notes
    -----
    All order statistics come from one sort. numpy's vectorized sort takes 0.1 s for 4096 x 4096 float32.
    """
    good = np.isfinite(data)
    if mask is not None:
        good &= ~mask
    count = int(np.count_nonzero(good))
    values = np.sort(data if count == data.size else data[good], axis=None)
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    cards = fits.Header()
    cards["TOTVALS"] = (data.size, "Expected number of data values (pixels)")
    cards["DATAVALS"] = (count, "Actual number of data values in image")
    cards["MISSVALS"] = (data.size - count, "Missing values: TOTVALS - DATAVALS")
    cards["PERCENTD"] = (100 * count / data.size, "Percent data; 100*DATAVALS/TOTVALS")
    if not count:
        return cards
    mean, largest, variance, third, fourth = _moments(values)
    cards["DATAMIN"] = (float(values[0]), "Minimum value of all pixels")
    cards["DATAMAX"] = (float(values[-1]), "Maximum value of all pixels")
    cards["DATAMEDN"] = (_quantile(values, 0.5), "Median value of all pixels")
    cards["DATAMEAN"] = (mean, "Mean value of all pixels")
    cards["DATARMS"] = (largest * variance**0.5, "Rms deviation from the mean value of all pixels")
    if variance > 0:
        cards["DATASKEW"] = (third / variance**1.5, "Skewness from the mean value of all pixels")
        cards["DATAKURT"] = (fourth / variance**2 - 3, "Kurtosis of all pixels")
    middle = data.shape[1] // 2
    column = data[:, middle] if count == data.size else data[:, middle][good[:, middle]]
    if column.size:
        cards["DATACENT"] = (float(np.median(column.astype(np.float64))), "Median value of center column of the image")
    for percent in _PERCENTILES:
        cards[f"DATAP{percent:02d}"] = (_quantile(values, percent / 100), f"{percent} percentile")
    return cards


def _moments(ordered: np.ndarray) -> tuple[float, float, float, float, float]:
    """Compute the mean, the largest deviation from it, and the second to fourth moments of the deviations.

    The moments are of deviations divided by the largest one, so that no power of them overflows.
    """
    mean = float(ordered.mean(dtype=np.float64))
    if max(-float(ordered[0]), float(ordered[-1])) > _MAX_FLOAT32_DEVIATION:
        ordered = ordered.astype(np.float64)
    center = ordered.dtype.type(mean)
    largest = float(max(center - ordered[0], ordered[-1] - center)) or 1.0
    sums = np.zeros(3)
    for start in range(0, ordered.size, _CHUNK_PIXELS):
        deviation = (ordered[start : start + _CHUNK_PIXELS] - center) / ordered.dtype.type(largest)
        square = deviation * deviation
        sums += [float(square.sum()), float(square @ deviation), float(square @ square)]
    second, third, fourth = sums / ordered.size
    return mean, largest, float(second), float(third), float(fourth)


def _quantile(ordered: np.ndarray, fraction: float) -> float:
    position = fraction * (ordered.size - 1)
    below = int(position)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below]) + (position - below) * (float(ordered[above]) - float(ordered[below]))
