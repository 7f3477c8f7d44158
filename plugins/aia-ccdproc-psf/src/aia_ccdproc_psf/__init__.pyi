from .deconvolution import deconvolve
from .fourier import optical_transfer_function
from .models import point_spread_function

__all__ = ["deconvolve", "optical_transfer_function", "point_spread_function"]
