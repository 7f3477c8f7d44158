"""The limb of the Sun, measured in the pixels of an image: a check of its pointing."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
