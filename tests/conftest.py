"""Fixtures: where the real files are, and images that many tests need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aia_ccdproc.synthetic import builtin_pointing_path

REAL_DATA = Path(os.environ.get("AIA_CCDPROC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real AIA files; a test that asks for it skips where there is none."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data: {REAL_DATA} is not there (AIA_CCDPROC_TEST_DATA names another folder)")
    return REAL_DATA


@pytest.fixture(scope="session")
def pointing_path() -> Path:
    """The pointing table that comes with the package: record #34506."""
    return builtin_pointing_path()
