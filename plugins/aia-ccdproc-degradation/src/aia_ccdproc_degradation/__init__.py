"""The degradation of AIA's channels, and the correction of images for it."""

from aia_ccdproc_degradation.degradation import correct_degradation, degradation

__all__ = ["correct_degradation", "degradation"]
