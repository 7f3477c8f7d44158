"""The names of other projects that have links in the documentation exist, and their inventories are readable."""

from __future__ import annotations

import importlib
import sys
import zlib
from pathlib import Path

import pytest
from documents import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

inventories = importlib.import_module("inventories")
NAMES = [(project, name) for project, names in inventories.listed_names().items() for _, name, _ in names]


@pytest.mark.parametrize(("project", "name"), NAMES)
def test_a_listed_name_exists(project: str, name: str) -> None:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return
    pytest.skip(f"{project} is not installed")


def test_inventories_are_written_for_intersphinx(tmp_path: Path) -> None:
    mapping = inventories.intersphinx_mapping(tmp_path)
    base, (online, path) = mapping["astropy"]
    assert (base, online) == ("https://docs.astropy.org/en/stable/", None)
    header, _, content = Path(path).read_bytes().partition(b"compressed using zlib.\n")
    assert header.startswith(b"# Sphinx inventory version 2\n# Project: astropy\n")
    lines = zlib.decompress(content).decode().splitlines()
    assert "astropy.wcs.WCS py:class 1 api/astropy.wcs.WCS.html#astropy.wcs.WCS -" in lines
