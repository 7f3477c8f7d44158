"""Prep many files: plan the work, give it to workers, and resume after an interruption."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "Observer":
        from aia_ccdproc.batch.progress import Progress
        from aia_ccdproc.errors import warn_renamed

        warn_renamed("aia_ccdproc.batch.Observer", "aia_ccdproc.Progress")
        return Progress
    raise AttributeError(f"module 'aia_ccdproc.batch' has no attribute {name!r}")
