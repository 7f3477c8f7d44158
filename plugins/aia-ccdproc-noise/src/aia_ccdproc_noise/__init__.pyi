from .noise import estimate_uncertainty, noise_sigma

__all__ = ["estimate_uncertainty", "noise_sigma"]
