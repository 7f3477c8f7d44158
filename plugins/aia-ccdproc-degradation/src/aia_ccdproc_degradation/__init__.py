"""AIA sees less than when it was new: by how much, and images corrected for it."""

from aia_ccdproc_degradation.degradation import correct_degradation, degradation

__all__ = ["correct_degradation", "degradation"]
