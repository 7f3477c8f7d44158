"""The planes of an image as a deconvolution needs them: counts, bad and saturated pixels, noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from astropy.nddata import CCDData, NDUncertainty, StdDevUncertainty, UnknownUncertainty

from aia_ccdproc import StateError
from aia_ccdproc_psf.settings import DeconvolutionSettings

__all__ = ["Planes"]


class Planes(NamedTuple):
    """The planes of an image as a deconvolution needs them."""

    counts: np.ndarray
    """Counts, float32, 0 where they are masked or not finite; the pixels of the image itself if possible."""
    bad: np.ndarray | None
    """Pixels that are masked or not finite; None if there are none."""
    saturated: np.ndarray | None
    """Saturated pixels; None if there are none."""
    sigma: np.ndarray | None
    """Standard deviation of the counts, 0 where it is not known or the pixel is bad."""

    @classmethod
    def of(cls, ccd: CCDData, settings: DeconvolutionSettings) -> Planes:
        """Prepare the planes of an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image, shape ``(ny, nx)``; not changed.
        settings : `~aia_ccdproc_psf.settings.DeconvolutionSettings`
            The settings: ``saturation`` is used.

        Returns
        -------
        `Planes`
            The planes.

        Raises
        ------
        StateError
            If the image has no good pixel.
        """
        data = np.asarray(ccd.data)
        bad = ~np.isfinite(data)
        if ccd.mask is not None:
            bad |= np.asarray(ccd.mask, bool)
        if bad.any():
            data = np.where(bad, np.float32(0), data)
        counts = data.astype(np.float32, copy=False)
        saturated = counts >= settings.saturation
        if (bad | saturated).all():
            raise StateError("cannot deconvolve an image without good pixels: all are masked, saturated or not finite")
        sigma = None
        if isinstance(ccd.uncertainty, NDUncertainty) and not isinstance(ccd.uncertainty, UnknownUncertainty):
            sigma = np.array(ccd.uncertainty.represent_as(StdDevUncertainty).array, np.float32)
            sigma[bad | saturated | ~np.isfinite(sigma)] = 0
        return cls(counts, bad if bad.any() else None, saturated if saturated.any() else None, sigma)

    @property
    def filled(self) -> np.ndarray:
        """The bad and the saturated pixels, which the model fills.

        Returns
        -------
        `~numpy.ndarray`
            Bool, shape ``(ny, nx)``.
        """
        filled = np.zeros(self.counts.shape, bool)
        for plane in (self.bad, self.saturated):
            if plane is not None:
                filled |= plane
        return filled

    def edge_brightness(self) -> float:
        """Return the mean of the good pixels at the border of the image.

        Returns
        -------
        float
            In DN, at least a small positive number.
        """
        border = np.ones(self.counts.shape, bool)
        border[1:-1, 1:-1] = False
        good = border if self.bad is None else border & ~self.bad
        return max(float(self.counts[good].mean()) if good.any() else 0.0, 1e-3)
