"""Data from JSOC: its records as inputs, and the keywords that it has now for level-1 images.

>>> from aia_ccdproc_jsoc import find_records, refresh_keywords
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
