"""Tests of the fixtures `level1` and `prep_manager`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributions import write_distribution

from aia_ccdproc import PluginError, get_plugin_manager, register
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.steps.aia import AIA, CHANNELS
from aia_ccdproc.synthetic import Source, Sun


@pytest.mark.parametrize("channel", CHANNELS)
def test_images_of_all_channels_are_identified_as_aia_and_can_be_registered(level1, channel: int) -> None:
    image = level1(channel)
    header = complete_header(image)
    assert get_plugin_manager().identify(header) is AIA
    assert header["WAVE_STR"].split("_")[0] == str(channel)
    assert register(image, method="nearest-neighbor").header["CDELT1"] == pytest.approx(0.6)


def test_a_source_has_the_position_and_the_brightness_that_it_should_have(level1) -> None:
    image = level1(193, sun=Sun(disk=0, corona=0, sources=(Source(20, -30, peak=700, sigma=3),)), satellite_roll=5.0)
    column, row = wcs_from_header(image.header).wcs_world2pix(20 / 3600, -30 / 3600, 0)
    assert image.data[round(float(row)), round(float(column))] == pytest.approx(700, rel=0.05)


def test_mask_and_uncertainty_are_optional(level1) -> None:
    plain, full = level1(noise=1), level1(noise=1, mask=True, uncertainty=True)
    assert plain.mask is None
    assert plain.uncertainty is None
    assert 0 < full.mask.sum() < 10
    assert full.mask[~np.isfinite(full.data)].all()
    good = ~full.mask
    assert full.uncertainty.array[good] ** 2 == pytest.approx(np.maximum(plain.data[good], 1), rel=1e-6)
    assert full.data.dtype == np.float32


@pytest.mark.process
def test_only_the_named_plugins_are_loaded_also_in_child_processes(
    prep_manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("aia-one", "aia-other"):
        write_distribution(tmp_path, name, "")
    manager = prep_manager("aia-one")
    assert {plugin.distribution for plugin in manager.plugins.values()} == {"aia-ccdproc", "aia-one"}
    assert get_plugin_manager() is manager
    script = "from aia_ccdproc import *; print(*{p.distribution for p in get_plugin_manager().plugins.values()})"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert set(process.stdout.split()) == {"aia-ccdproc", "aia-one"}


@pytest.fixture
def outside() -> Iterator[None]:
    """Check after the test that the manager in use is that of before the test."""
    before = get_plugin_manager()
    yield
    assert get_plugin_manager() is before


def test_the_manager_of_a_test_is_not_in_use_after_it(outside, prep_manager) -> None:
    first = prep_manager()
    assert prep_manager() is get_plugin_manager() is not first


def test_a_plugin_that_is_not_installed_is_an_error(prep_manager) -> None:
    with pytest.raises(PluginError, match="plugin 'aia-nowhere' is not installed"):
        prep_manager("aia-nowhere")


def test_an_unknown_channel_is_an_error_that_lists_the_known_ones(level1) -> None:
    with pytest.raises(ValueError, match=r"AIA has no channel 95; available: 94, 131, .*, 4500"):
        level1(95)
