"""Test of the tutorial for plugin authors: the docstring of `aia_ccdproc.plugin`."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from distributions import write_distribution

import aia_ccdproc.plugin
from aia_ccdproc import Recipe, prep


def indented_blocks(docstring: str) -> list[str]:
    """Return the literal blocks of a docstring: what is indented after a line that ends with two colons."""
    return re.findall(r"::\n\n((?:(?: {4}.*)?\n)+)", docstring)


def test_the_step_of_the_docstring_works_as_an_installed_plugin(
    check_step, level1, prep_manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata, code = indented_blocks(inspect.cleandoc(aia_ccdproc.plugin.__doc__ or ""))
    [(entry, module)] = tomllib.loads(inspect.cleandoc(metadata))["project"]["entry-points"]["aia_ccdproc"].items()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert write_distribution(tmp_path, module.replace("_", "-"), code, entry=entry) == module
    manager = prep_manager(entry)
    assert manager.steps()["scale"].summary == "Multiply an image by a number."
    steps = '[[step]]\nuse = "scale"\nfactor = 1.5\n\n[[step]]\nuse = "register"\n'
    scaled, plain = (prep(level1(), Recipe.from_toml(text)) for text in (steps, '[[step]]\nuse = "register"\n'))
    np.testing.assert_allclose(scaled.data, 1.5 * plain.data, rtol=1e-6)
    assert f"scale ({module.replace('_', '-')} 1.2): factor=1.5" in str(scaled.header["HISTORY"])
    check_step("scale", {"factor": 1.5})
