"""Statistics of the pixels in an AIA header: DATAMIN to DATAP99."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from aia_ccdproc.images.card_filter import without_cards
from aia_ccdproc.images.pixel_engine import NUMPY_ENGINE, PixelEngine
from aia_ccdproc.images.pixel_summary import PixelSummary, summarize

__all__ = ["image_statistics", "is_statistics_card", "statistics_cards", "summarize_image", "without_statistics"]

_PERCENTILES = (1, 10, 25, 75, 90, 95, 98, 99)
_FRACTIONS = (0.5, *(percent / 100 for percent in _PERCENTILES))
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
    return without_cards(header, is_statistics_card)


def is_statistics_card(card: fits.Card) -> bool:
    """Check whether a card contains a statistic of the pixels.

    Parameters
    ----------
    card : `~astropy.io.fits.Card`
        The card.

    Returns
    -------
    bool
        True for DATAMEAN and DATAP50 and the like.
    """
    return card.keyword in _KEYWORDS


def image_statistics(
    data: np.ndarray, mask: np.ndarray | None = None, *, engine: PixelEngine = NUMPY_ENGINE
) -> fits.Header:
    """Compute the statistics that JSOC and SSW write, from the good pixels.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, shape ``(ny, nx)``.
    mask : `~numpy.ndarray`, optional
        True for pixels to ignore. Pixels that are not finite are always ignored.
    engine : `~aia_ccdproc.plugin.PixelEngine`, optional
        Loops over the pixels; those of the core by default. The result does not depend on it.

    Returns
    -------
    `~astropy.io.fits.Header`
        TOTVALS, DATAVALS, MISSVALS, PERCENTD and, if at least one pixel is good, DATAMIN, DATAMAX, DATAMEDN, DATAMEAN,
        DATARMS, DATASKEW, DATAKURT (excess), DATACENT and the percentiles. DATARMS is the rms deviation from the mean.
    """
    return statistics_cards(data, mask, summarize_image(data, mask, engine))


def summarize_image(data: np.ndarray, mask: np.ndarray | None, engine: PixelEngine) -> PixelSummary:
    """Compute the statistics of an image that its header contains.

    Parameters
    ----------
    data, mask : `~numpy.ndarray` or None
        As for `image_statistics`.
    engine : `PixelEngine`
        Loops over the pixels.

    Returns
    -------
    `PixelSummary`
        The statistics, for `statistics_cards`.
    """
    return summarize(data, mask, _FRACTIONS, engine)


def statistics_cards(data: np.ndarray, mask: np.ndarray | None, summary: PixelSummary) -> fits.Header:
    """Make the cards of the statistics of an image.

    Parameters
    ----------
    data, mask : `~numpy.ndarray` or None
        As for `image_statistics`.
    summary : `PixelSummary`
        The result of `summarize_image`.

    Returns
    -------
    `~astropy.io.fits.Header`
        The cards, as of `image_statistics`.
    """
    cards = fits.Header()
    cards["TOTVALS"] = (data.size, "Expected number of data values (pixels)")
    cards["DATAVALS"] = (summary.count, "Actual number of data values in image")
    cards["MISSVALS"] = (data.size - summary.count, "Missing values: TOTVALS - DATAVALS")
    cards["PERCENTD"] = (100 * summary.count / data.size, "Percent data; 100*DATAVALS/TOTVALS")
    if not summary.count:
        return cards
    median, *percentiles = summary.quantiles
    cards["DATAMIN"] = (summary.minimum, "Minimum value of all pixels")
    cards["DATAMAX"] = (summary.maximum, "Maximum value of all pixels")
    cards["DATAMEDN"] = (median, "Median value of all pixels")
    cards["DATAMEAN"] = (summary.mean, "Mean value of all pixels")
    cards["DATARMS"] = (summary.rms, "Rms deviation from the mean value of all pixels")
    if summary.rms > 0:
        cards["DATASKEW"] = (summary.skewness, "Skewness from the mean value of all pixels")
        cards["DATAKURT"] = (summary.kurtosis, "Kurtosis of all pixels")
    middle = data.shape[1] // 2
    center = _column_median(data[:, middle], None if mask is None else mask[:, middle])
    if center is not None:
        cards["DATACENT"] = (center, "Median value of center column of the image")
    for percent, value in zip(_PERCENTILES, percentiles, strict=True):
        cards[f"DATAP{percent:02d}"] = (value, f"{percent} percentile")
    return cards


def _column_median(column: np.ndarray, mask: np.ndarray | None) -> float | None:
    """Compute the median of the good pixels of a column, None if there are none."""
    good = column[np.isfinite(column) if mask is None else np.isfinite(column) & ~mask]
    return float(np.median(good.astype(np.float64))) if good.size else None
