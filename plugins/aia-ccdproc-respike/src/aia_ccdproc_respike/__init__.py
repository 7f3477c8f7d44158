"""Spikes of AIA images: put back into level 1, which makes level 0.5, and taken out again.

JSOC takes cosmic-ray hits and hot pixels out of every level-1 image, real bright points among them, and keeps what it
took in a file of its own, the segment ``spikes`` of the image's record.

>>> from aia_ccdproc_respike import read_spikes, respike, despike
"""

from aia_ccdproc_respike.spikes import Spikes, fetch_spikes, find_spikes, read_spikes
from aia_ccdproc_respike.steps import despike, respike

__all__ = ["Spikes", "despike", "fetch_spikes", "find_spikes", "read_spikes", "respike"]
