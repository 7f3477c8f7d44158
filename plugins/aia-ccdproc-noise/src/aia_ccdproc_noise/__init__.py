"""The noise of a pixel of AIA, and images that know it."""

from aia_ccdproc_noise.noise import estimate_uncertainty, noise_sigma

__all__ = ["estimate_uncertainty", "noise_sigma"]
