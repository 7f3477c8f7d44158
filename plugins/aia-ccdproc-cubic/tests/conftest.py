"""Every test has the plugin, and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aia_ccdproc.plugin.manager import PrepPluginManager


@pytest.fixture(autouse=True)
def _only_this_plugin(prep_manager: Callable[..., PrepPluginManager]) -> None:
    prep_manager("aia-ccdproc-cubic")
