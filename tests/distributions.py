"""Distributions that were never built: a module, and metadata with its entry point, in a folder that is on the path."""

from __future__ import annotations

import textwrap
from pathlib import Path


def put_distribution(folder: Path, name: str, code: str, *, entry: str = "it", version: str = "1.2") -> str:
    """Lay a plugin into a folder; the name of its module."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[aia_ccdproc]\n{entry} = {module}\n")
    return module
