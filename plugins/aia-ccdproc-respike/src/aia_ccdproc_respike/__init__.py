"""Spikes of AIA images: restored in level 1, which makes level 0.5, and removed again.

JSOC removes cosmic-ray hits and hot pixels from every level-1 image, and with them some small bright points on the Sun.
The removed values are in a separate file, the segment ``spikes`` of the image's record.

>>> from aia_ccdproc_respike import read_spikes, respike, despike
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
