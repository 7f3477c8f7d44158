"""``python -m aia_ccdproc`` is ``aia-prep``."""

from __future__ import annotations

import sys

from aia_ccdproc.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
