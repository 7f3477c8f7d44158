"""Tests of the tables that notebooks show."""

from __future__ import annotations

import pickle
from pathlib import Path

from aia_ccdproc import Progress, Recipe, run
from aia_ccdproc.batch.notebook import in_notebook
from aia_ccdproc.report.notebook import FileResults
from aia_ccdproc.report.results import FileResult

DONE = FileResult(Path("a.fits"), "done", Path("out") / "a_lev1p5.fits", seconds={"read": 0.25, "register": 1.0})


def test_results_are_a_list_with_a_short_text(tmp_path: Path) -> None:
    results = FileResults([DONE, FileResult(Path("b.fits"), "failed", error="ReadError: b.fits: no such file")])
    assert repr(results) == "<2 files: 1 done, 1 failed>"
    assert results == list(results)
    assert pickle.loads(pickle.dumps(results)) == results
    assert repr(results[:1]) == "<1 file: 1 done>"
    assert results[-1].status == "failed"
    assert isinstance(run([tmp_path / "missing.fits"], output_dir=tmp_path, progress=Progress()), list)
    assert repr(FileResults()) == "<0 files>"


def test_a_table_has_status_file_output_seconds_and_messages() -> None:
    warned = FileResult(Path("w.fits"), "done", warnings=("first", "second"))
    table = FileResults([DONE, warned])._repr_html_()
    assert (
        f"<tr><td>done</td><td>a.fits</td><td>{Path('out') / 'a_lev1p5.fits'}</td><td>1.25</td><td></td></tr>" in table
    )
    assert "<td>first<br>second</td>" in table


def test_texts_in_a_table_are_escaped_and_valid_in_utf_8() -> None:
    path = Path("<b>a&b</b>\udcff.fits")
    table = FileResults([FileResult(path, "failed", error="<script>alert(1)</script>")])._repr_html_()
    assert "<td>&lt;b&gt;a&amp;b&lt;/b&gt;?.fits</td>" in table
    assert "<script>" not in table
    table.encode("utf-8")


def test_the_table_of_a_long_batch_has_the_files_that_failed() -> None:
    failed = FileResult(Path("late.fits"), "failed", error="ReadError: truncated")
    table = FileResults([*[DONE] * 1000, failed])._repr_html_()
    assert table.count("<tr>") == 31
    assert "ReadError: truncated" in table
    assert table.endswith("<div>and 971 more files</div>")
    only_failed = FileResults([failed] * 1000)._repr_html_()
    assert only_failed.count("<tr>") == 21


def test_a_recipe_is_shown_with_its_settings_and_the_images_of_a_step() -> None:
    recipe = Recipe.from_toml(
        'name = "<i>"\ndescription = "for a & b"\n[select]\nQUALITY = 0\n'
        '[[step]]\nuse = "register"\nonly = {WAVELNTH = [94, 131]}\n'
        '[[step.when]]\nWAVELNTH = 94\nmethod = "bilinear"\n[[step]]\nuse = "normalize_exposure"\n'
    )
    assert repr(recipe) == "<Recipe <i>: register -> normalize_exposure>"
    table = recipe._repr_html_()
    assert "<div>Recipe &lt;i&gt;</div>" in table
    assert "method=bicubic" in table
    assert "only WAVELNTH: 131, 94<br>WAVELNTH: 94: method=bilinear" in table
    assert "<td>normalize_exposure</td><td></td><td></td><td>all</td>" in table
    assert table.endswith("<div>for a &amp; b<br>images: QUALITY: 0</div>")


def test_a_test_process_is_not_a_notebook() -> None:
    assert not in_notebook()
