"""Links into the documentation of other projects, also where there is no network.

Intersphinx asks each project for its inventory. If it does not answer, the inventory that is made here is used: of the
names in inventories.txt, which are those that our pages use.
"""

from __future__ import annotations

import zlib
from pathlib import Path

__all__ = ["intersphinx_mapping", "listed_names"]

_BASES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "astropy": "https://docs.astropy.org/en/stable/",
    "ccdproc": "https://ccdproc.readthedocs.io/en/latest/",
    "sunpy": "https://docs.sunpy.org/en/stable/",
    "pluggy": "https://pluggy.readthedocs.io/en/stable/",
    "pillow": "https://pillow.readthedocs.io/en/stable/",
}
_HEADER = """# Sphinx inventory version 2
# Project: {project}
# Version:
# The remainder of this file is compressed using zlib.
"""


def listed_names() -> dict[str, list[tuple[str, str, str]]]:
    """Return the names of each project: kind, name and page."""
    names: dict[str, list[tuple[str, str, str]]] = {project: [] for project in _BASES}
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            project, kind, name, page = line.split()
            names[project].append((kind, name, page))
    return names


def intersphinx_mapping(folder: Path) -> dict[str, tuple[str, tuple[str | None, str]]]:
    """Write the inventories to a folder, and return the setting of intersphinx."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping: dict[str, tuple[str, tuple[str | None, str]]] = {}
    for project, names in listed_names().items():
        lines = "".join(f"{name} py:{kind} 1 {page}#{name} -\n" for kind, name, page in names)
        path = folder / f"{project}.inv"
        path.write_bytes(_HEADER.format(project=project).encode() + zlib.compress(lines.encode()))
        mapping[project] = (_BASES[project], (None, str(path)))
    return mapping
