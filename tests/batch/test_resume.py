"""What is done already is left alone, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.io import fits

from aia_ccdproc import read, run
from aia_ccdproc.recipe import Recipe


def statuses(*arguments: object, **options: object) -> list[str]:
    return [result.status for result in run(*arguments, **options)]  # type: ignore[arg-type]


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_run_does_nothing(tmp_path: Path, files, recipe: Recipe, overwrite: bool) -> None:
    out = tmp_path / "out"
    first = run(files, recipe, out)
    before = times(out)
    second = run(files, recipe, out, overwrite=overwrite)
    assert [result.status for result in second] == ["unchanged"] * 6
    assert times(out) == before
    assert [result.output for result in second] == [result.output for result in first]
    assert [result.pointing for result in second] == [result.pointing for result in first]


def test_just_what_is_missing_is_done(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files, recipe, out)
    (out / "1_lev1p5.fits").unlink()
    (out / "4_lev1p5.fits").unlink()
    assert statuses(files, recipe, out) == ["unchanged", "done", "unchanged", "unchanged", "done", "unchanged"]


def test_an_output_of_another_input_is_refused_by_name_and_replaced_if_asked(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    out = tmp_path / "out"
    run(files, recipe, out)
    files[2].write_bytes(files[3].read_bytes())
    results = run(files, recipe, out)
    assert [result.status for result in results] == ["unchanged"] * 2 + ["failed"] + ["unchanged"] * 3
    assert "2_lev1p5.fits: is there already, made from another file; overwrite = True" in results[2].error
    assert statuses(files, recipe, out, overwrite=True) == ["unchanged"] * 2 + ["done"] + ["unchanged"] * 3
    assert statuses(files, recipe, out) == ["unchanged"] * 6


def test_an_output_of_another_recipe_is_refused(tmp_path: Path, files, toml: str) -> None:
    out = tmp_path / "out"
    run(files[:1], Recipe.from_toml(toml), out)
    result = run(files[:1], Recipe.from_toml(toml + 'method = "bilinear"'), out)[0]
    assert result.status == "failed"
    assert "made from another recipe" in result.error


def test_another_compression_is_another_output(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files[:1], recipe, out)
    assert statuses(files[:1], recipe, out, compression="rice") == ["failed"]
    assert statuses(files[:1], recipe, out, compression="rice", overwrite=True) == ["done"]
    assert statuses(files[:1], recipe, out, compression="rice") == ["unchanged"]


def test_another_name_of_the_recipe_changes_nothing(tmp_path: Path, files, toml: str) -> None:
    run(files[:1], Recipe.from_toml('name = "one"\n' + toml), tmp_path / "out")
    assert statuses(files[:1], Recipe.from_toml('name = "two"\n' + toml), tmp_path / "out") == ["unchanged"]


def test_an_output_that_is_cut_off_is_not_taken_for_done(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    output = run(files[:1], recipe, out)[0].output
    assert output is not None
    output.write_bytes(output.read_bytes()[:-2880])
    result = run(files[:1], recipe, out)[0]
    assert result.status == "failed"
    assert "is no whole output" in result.error
    assert statuses(files[:1], recipe, out, overwrite=True) == ["done"]


def test_an_output_says_which_file_it_was_made_of(tmp_path: Path, files, recipe: Recipe) -> None:
    result = run(files[:1], recipe, tmp_path / "out")[0]
    assert fits.getheader(result.output)["INPUTID"] == result.input_hash
    assert len(result.input_hash) == 64


def test_a_folder_that_is_input_and_output_can_be_run_twice(files, recipe: Recipe) -> None:
    folder = files[0].parent
    assert statuses(folder, recipe, folder) == ["done"] * 6
    assert statuses(folder, recipe, folder) == ["unchanged"] * 6
    assert len(list(folder.iterdir())) == 12


def test_what_a_killed_batch_left_is_cleared_away(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".0123abcd.tmp.fits").write_bytes(b"half")
    run(files[:1], recipe, out)
    assert [path.name for path in out.iterdir()] == ["0_lev1p5.fits"]
    assert read(out / "0_lev1p5.fits").header["LVL_NUM"] == 1.5
