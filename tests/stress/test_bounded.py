"""The processes of the campaign notice what must not happen, and the random numbers of a case are reproducible."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

if sys.platform == "win32":
    pytest.skip("Windows cannot limit the memory of a process", allow_module_level=True)

import bounded
import misbehaving_cases
from byte_damage import damaged_fits
from raw_fits import card, join_fits, split_fits
from scenes import small_exposure, small_sun


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
def test_each_misbehavior_is_a_problem_of_its_case_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bounded.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bounded, "_limit_seconds", lambda: 2.0)  # of this process, which kills the others
    expected = list(misbehaving_cases.MISBEHAVIORS)
    outcomes = bounded.run_cases(misbehaving_cases.run_case, range(len(expected)), 0, tmp_path, workers=2)
    assert (outcomes[0].result, outcomes[0].problems) == ("ReadError", [])
    assert [outcome.description for outcome in outcomes] == expected
    for outcome, name in zip(outcomes[1:], expected[1:], strict=True):
        assert name.partition(",")[0] in [problem.kind for problem in outcome.problems]
    assert f"1 x {expected[1]}: not ours" in bounded.summary(outcomes)


def test_damage_is_the_same_whenever_it_is_repeated_and_leaves_a_valid_file_of_cards(tmp_path: Path) -> None:
    exposure = small_exposure(shape=(48, 64))
    content = exposure.write_level1(exposure.image(small_sun()), tmp_path / "x.fits").read_bytes()
    assert join_fits(split_fits(content)) == content
    damaged = [damaged_fits(Random(number), content, packed=False) for number in range(100)]
    assert damaged == [damaged_fits(Random(number), content, packed=False) for number in range(100)]
    assert all(result != content for result, _ in damaged)
    assert card("FOO", "1E400", "x") == b"FOO     =                1E400 / x".ljust(80)
