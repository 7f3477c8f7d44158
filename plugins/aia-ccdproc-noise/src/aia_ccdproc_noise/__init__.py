"""The noise of AIA's pixels, which is added to images as their uncertainty."""

from aia_ccdproc_noise.noise import estimate_uncertainty, noise_sigma

__all__ = ["estimate_uncertainty", "noise_sigma"]
