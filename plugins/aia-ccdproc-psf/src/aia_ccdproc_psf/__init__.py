"""The point spread function of AIA, and its removal from level-1 images.

>>> from aia_ccdproc_psf import deconvolve, optical_transfer_function, point_spread_function
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
