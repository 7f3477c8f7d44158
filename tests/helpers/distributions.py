"""Plugins that look installed: a module, and the metadata of a distribution with an entry point."""

from __future__ import annotations

import textwrap
from pathlib import Path


def write_distribution(folder: Path, name: str, code: str, *, entry: str = "it", version: str = "1.2") -> str:
    """Write a plugin into a folder, which must be on the Python path. Return the name of its module."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[aia_ccdproc]\n{entry} = {module}\n")
    return module


#: Code of a plugin that kills its process if DATAMARK is "deadly", or at the first attempt if DATAMARK is "once". The
#: file that MARKER names then exists.
KILLING_PLUGIN = """
    import os, signal
    from aia_ccdproc import hookimpl

    @hookimpl
    def prep_normalize_exposure(ccd, instrument, settings):
        mark = ccd.header["DATAMARK"]
        if mark == "deadly" or (mark == "once" and not os.path.exists(ccd.header["MARKER"])):
            open(ccd.header.get("MARKER", os.devnull), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
"""
