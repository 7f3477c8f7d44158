"""The campaign of ``make stress``: thousands of damaged inputs, each with an error of ours or a correct result.

The seed is that of AIA_CCDPROC_STRESS_SEED. ``AIA_CCDPROC_STRESS_CASES=17,100-120`` runs these cases alone.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("Windows cannot limit the memory of a process", allow_module_level=True)

import bounded

pytestmark = [pytest.mark.stress, pytest.mark.slow, pytest.mark.process]

SEED = int(os.environ.get("AIA_CCDPROC_STRESS_SEED", "12"))
CASES = os.environ.get("AIA_CCDPROC_STRESS_CASES", "")

RunCampaign = Callable[[str, int], list[bounded.Outcome]]


def chosen(count: int) -> list[int]:
    """Return the numbers of the cases that are to be run: those of AIA_CCDPROC_STRESS_CASES, or all."""
    if not CASES:
        return list(range(count))
    ranges = [part.split("-") for part in CASES.split(",")]
    return [number for limits in ranges for number in range(int(limits[0]), int(limits[-1]) + 1)]


@pytest.fixture
def run_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCampaign:
    """Run the cases of a module, print how they ended, and fail if one has a problem."""
    for name, value in {**bounded.ENVIRONMENT, "XDG_CACHE_HOME": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cache" / "astropy").mkdir(parents=True)

    def campaign(module: str, count: int) -> list[bounded.Outcome]:
        function = importlib.import_module(module).run_case
        outcomes = bounded.run_cases(function, chosen(count), SEED, tmp_path, workers=2)
        print(f"{module}, seed {SEED}: {bounded.summary(outcomes)}")
        failed = [outcome.number for outcome in outcomes if outcome.problems]
        assert not failed, f"{len(failed)} of {len(outcomes)} cases have problems. Their files: {tmp_path}/case-*"
        return outcomes

    return campaign


def test_damaged_fits_files_give_a_valid_output_or_an_error_of_ours(run_campaign: RunCampaign) -> None:
    outcomes = run_campaign("fits_cases", 2000)
    if not CASES:  # the campaign is not trivial: many of the files can still be processed
        assert sum(outcome.result in ("written", "done in a batch") for outcome in outcomes) > 600


def test_random_and_hostile_recipes_are_refused_or_write_in_the_output_folder_only(run_campaign: RunCampaign) -> None:
    outcomes = run_campaign("recipe_cases", 600)
    if not CASES:
        assert sum(outcome.result.startswith("valid") for outcome in outcomes) > 60


def test_damaged_caches_never_give_a_wrong_value(run_campaign: RunCampaign) -> None:
    outcomes = run_campaign("cache_cases", 200)
    if not CASES:
        assert sum(outcome.result == "right value" for outcome in outcomes) > 60
