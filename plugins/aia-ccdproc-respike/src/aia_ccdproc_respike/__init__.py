"""Spikes of AIA images: restored in level 1, which makes level 0.5, and removed again.

JSOC removes cosmic-ray hits and hot pixels from every level-1 image, and with them some small bright points on the Sun.
The removed values are in a separate file, the segment ``spikes`` of the image's record.

>>> from aia_ccdproc_respike import read_spikes, respike, despike
"""

from aia_ccdproc_respike.spikes import Spikes, fetch_spikes, find_spikes, read_spikes
from aia_ccdproc_respike.steps import despike, respike

__all__ = ["Spikes", "despike", "fetch_spikes", "find_spikes", "read_spikes", "respike"]
