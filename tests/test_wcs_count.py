"""The cost of the chain in WCSs built, headers completed and instruments identified."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.wcs import WCS
from scenes import small_exposure, small_sun

from aia_ccdproc import Pipeline, get_plugin_manager, images, load_recipe, read, write
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings
from aia_ccdproc.synthetic import Exposure, builtin_pointing_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The number of WCSs built from a header, of headers completed, and of instruments identified."""
    get_plugin_manager().preload()  # imports the modules of the steps, before names in them are replaced
    images.wcs._parse.cache_clear()
    count: Counter[str] = Counter()
    init, identify = WCS.__init__, PrepPluginManager.identify

    def counted_init(self: WCS, header: Any = None, *args: Any, **options: Any) -> None:
        count["WCS"] += header is not None
        init(self, header, *args, **options)

    def counted_identify(self: PrepPluginManager, header: Any) -> Any:
        count["identify"] += 1
        return identify(self, header)

    def counted_complete_header(ccd: CCDData) -> Any:
        count["complete_header"] += 1
        return complete_header(ccd)

    monkeypatch.setattr(WCS, "__init__", counted_init)
    monkeypatch.setattr(PrepPluginManager, "identify", counted_identify)
    for name, module in list(sys.modules.items()):
        if name.startswith("aia_ccdproc.") and vars(module).get("complete_header") is complete_header:
            monkeypatch.setattr(module, "complete_header", counted_complete_header)
    return count


def level15_rate() -> Pipeline:
    """The steps of the built-in recipe, with the pointing record of the package."""
    settings = {
        "update_pointing": PointingSettings(source=str(builtin_pointing_path())),
        "register": RegistrationSettings(),
        "normalize_exposure": ExposureSettings(),
    }
    assert [step.use for step in load_recipe("level1.5-rate")] == list(settings)
    return Pipeline([RecipeStep(use, settings[use]) for use in settings])


def check_cost(calls: Counter[str], ccd: CCDData) -> CCDData:
    pipeline = level15_rate()
    calls.clear()
    result = pipeline(ccd)
    assert result.unit == "DN / s"
    assert result.header["MPO_REC"].endswith("34506]")
    assert calls["WCS"] <= 3  # for the pointing, its result, and the registered image
    assert calls["identify"] == 1
    assert calls["complete_header"] <= 3  # the steps that change the header
    return result


def test_the_chain_builds_few_wcs_of_a_cutout(calls: Counter[str]) -> None:
    check_cost(calls, small_exposure(shape=(60, 80), corner=(2040, 1980)).image(small_sun()))


@pytest.mark.slow
def test_the_chain_builds_few_wcs_of_a_full_frame(calls: Counter[str]) -> None:
    header = Exposure().header()
    ccd = CCDData(np.ones((4096, 4096), np.float32), unit="DN", header=header, wcs=wcs_from_header(header))
    assert check_cost(calls, ccd).shape == (4096, 4096)


def test_reading_builds_one_wcs_and_writing_none(tmp_path: Path, calls: Counter[str]) -> None:
    ccd = small_exposure(shape=(60, 80)).image(small_sun())
    calls.clear()
    write(ccd, tmp_path / "a.fits")
    assert calls["WCS"] == 0
    images.wcs._parse.cache_clear()
    read(tmp_path / "a.fits")
    assert calls["WCS"] == 1


def test_a_file_that_is_read_and_processed_needs_at_most_three_wcs(tmp_path: Path, calls: Counter[str]) -> None:
    exposure = small_exposure(shape=(60, 80), corner=(2040, 1980))
    path = exposure.write_level1(exposure.image(small_sun()), tmp_path / "a.fits")
    pipeline = level15_rate()
    images.wcs._parse.cache_clear()
    calls.clear()
    pipeline(read(path))
    assert calls["WCS"] <= 3  # of level 1, with the corrected pointing, and of level 1.5


def test_a_wcs_that_is_changed_in_place_does_not_change_the_next_one_of_the_same_header() -> None:
    header = small_exposure(shape=(60, 80)).header()
    first = wcs_from_header(header)
    crpix = first.wcs.crpix.copy()
    first.wcs.crpix += 7
    first.array_shape = (1, 1)
    again = wcs_from_header(header)
    assert (again.wcs.crpix == crpix).all()
    assert again.array_shape == (60, 80)
