"""Tests of the page that lists the keywords: it has those that outputs have, and no others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from documents import ROOT, find_blocks

import aia_ccdproc
from aia_ccdproc.synthetic import Exposure, Sun, builtin_pointing_path
from aia_ccdproc.testing.tables import as_ssw, error_table, response_table

PLUGINS = ("degradation", "noise", "psf", "respike")


def listed_keywords() -> set[str]:
    """Return the keywords in the first column of the tables."""
    rows = re.findall(r"^   \* - (.*)$", (ROOT / "docs" / "keywords.rst").read_text(encoding="utf-8"), re.MULTILINE)
    return {keyword for row in rows for keyword in re.findall(r"``([A-Z0-9_-]+)``", row)}


@pytest.fixture
def headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prep_manager: Callable[..., object]
) -> tuple[fits.Header, dict[str, fits.Header]]:
    """Run the recipe of docs/levels.rst. Return the header of its input, and those of the HDUs of its output."""
    for name in PLUGINS:
        pytest.importorskip(f"aia_ccdproc_{name}")
    prep_manager(*(f"aia-ccdproc-{name}" for name in PLUGINS))
    monkeypatch.chdir(tmp_path)
    exposure = Exposure(channel=94, corner=(2000, 1950), shape=(100, 120))
    level1 = exposure.image(Sun(disk=100, corona=0), noise=1)
    exposure.write_level1(level1, tmp_path / "level1.fits")
    Path("spikes").mkdir()
    spike = np.array([[1960 * 4096 + 2020], [900], [level1.data[10, 20]]], dtype=np.int32)
    fits.writeto("spikes/94.fits", spike)
    shutil.copy(builtin_pointing_path(), "pointing.ecsv")
    Path("aia_response_table.txt").write_text(as_ssw(response_table()))
    Path("aia_error_table.txt").write_text(as_ssw(error_table()))
    [recipe] = (block for block in find_blocks(ROOT / "docs" / "levels.rst") if block.language == "toml")
    with_mask = recipe.text.replace('use = "register"', 'use = "register"\nfill = 0')
    Path("recipe.toml").write_text(with_mask)
    [result] = aia_ccdproc.run(["level1.fits"], "recipe.toml", tmp_path)
    assert result.status == "done", result.error
    with fits.open(str(result.output)) as hdus:
        return fits.getheader("level1.fits", 1), {hdu.name: hdu.header for hdu in hdus}


def test_every_keyword_that_a_chain_of_all_steps_writes_is_listed(
    headers: tuple[fits.Header, dict[str, fits.Header]],
) -> None:
    before, after = headers
    assert set(after) == {"PRIMARY", "MASK", "UNCERT"}
    primary = after["PRIMARY"]
    changed = {keyword for keyword in primary if keyword not in before or str(primary[keyword]) != str(before[keyword])}
    written = changed.union(after["MASK"], after["UNCERT"])
    assert {"DEGFACT", "PSFITER", "SPK_N", "UNCPROP", "INPUTID", "LVL_NUM", "EXTNAME"} <= written
    assert written - listed_keywords() == set()


def test_every_listed_keyword_is_in_an_output_or_in_the_code(
    headers: tuple[fits.Header, dict[str, fits.Header]],
) -> None:
    sources = [*(ROOT / "aia_ccdproc").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    in_output = {keyword for header in headers[1].values() for keyword in header}
    assert [keyword for keyword in sorted(listed_keywords() - in_output) if keyword not in code] == []
