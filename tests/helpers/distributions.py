"""Distributions that were never built: a module, and metadata with its entry point, in a folder that is on the path."""

from __future__ import annotations

import textwrap
from pathlib import Path

from astropy.io import fits


def put_distribution(folder: Path, name: str, code: str, *, entry: str = "it", version: str = "1.2") -> str:
    """Lay a plugin into a folder; the name of its module."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[aia_ccdproc]\n{entry} = {module}\n")
    return module


#: A plugin that kills its process at some files.
DEADLY = """
    import os, signal
    from aia_ccdproc import hookimpl

    @hookimpl
    def prep_normalize_exposure(ccd, instrument, settings):
        mark = ccd.header["DATAMARK"]
        if mark == "deadly" or (mark == "once" and not os.path.exists(ccd.header["WITNESS"])):
            open(ccd.header.get("WITNESS", os.devnull), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
"""


def mark(path: Path, **cards: str) -> None:
    """Set cards of a level-1 file."""
    with fits.open(path, mode="update") as hdus:
        hdus[1].header.update(cards)
