"""The summary of a batch in the terminal."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from aia_ccdproc import FileResult
from aia_ccdproc.cli.progress import LineProgress
from aia_ccdproc.report.results import format_rate


def summary(*results: FileResult, seconds: float = 4.0) -> str:
    display = LineProgress(Console(file=io.StringIO()), 0)
    for result in results:
        display.finished(result)
    display.ended(seconds)
    return display.summary()


def test_the_rate_is_the_number_that_the_report_shows() -> None:
    done = [FileResult(Path(f"{i}.fits"), "done") for i in range(10)]
    skipped = FileResult(Path("s.fits"), "skipped", reason="WAVELNTH is 94, not 171")
    assert summary(*done, skipped) == "10 done, 1 skipped, 0 failed in 4.0 s (2.5 files/s)"
    assert format_rate(10, 4.0) == "2.5"
    assert format_rate(0, 0.0) == "0"


def test_the_most_frequent_reason_is_given_if_the_recipe_selects_no_file() -> None:
    reasons = ["WAVELNTH is 94, not 171", "QUALITY is 1, not 0", "WAVELNTH is 94, not 171"]
    results = [FileResult(Path(f"{i}.fits"), "skipped", reason=reason) for i, reason in enumerate(reasons)]
    text = summary(*results)
    assert text.startswith("0 done, 3 skipped, 0 failed")
    assert text.endswith("\nThe recipe selects none of the files. For 2 of them: WAVELNTH is 94, not 171")
