"""The tile compressions of output files. This module imports nothing, so that the command line starts fast."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Compression"]

#: Tile compressions of a FITS file.
Compression: TypeAlias = Literal["none", "rice", "lossless"]
