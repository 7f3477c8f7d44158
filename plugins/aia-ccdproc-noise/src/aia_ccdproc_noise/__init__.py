"""The noise of AIA's pixels, and images with it as their uncertainty."""

from aia_ccdproc_noise.noise import estimate_uncertainty, noise_sigma

__all__ = ["estimate_uncertainty", "noise_sigma"]
