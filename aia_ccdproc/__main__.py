"""Entry point of ``python -m aia_ccdproc``, which is the same as ``aia-prep``."""

from __future__ import annotations

import sys

from aia_ccdproc.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
