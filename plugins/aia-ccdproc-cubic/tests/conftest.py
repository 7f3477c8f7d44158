"""Fixtures for the tests of this plugin."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _only_this_plugin(prep_manager: Callable[..., object]) -> None:
    """Load this plugin and no other."""
    prep_manager("aia-ccdproc-cubic")
