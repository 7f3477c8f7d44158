"""Tests that a batch that is run again makes only what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from PIL import Image

from aia_ccdproc import Pipeline, SettingsError, WriteError, read, run
from aia_ccdproc.recipe.recipe import Recipe


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


def test_only_missing_outputs_are_made(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files, recipe, out)
    (out / "1_lev1p5.fits").unlink()
    (out / "4_lev1p5.fits").unlink()
    assert statuses(files, recipe, out) == ["unchanged", "done", "unchanged", "unchanged", "done", "unchanged"]


def test_an_output_of_a_different_input_is_refused_by_name_and_replaced_with_overwrite(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    out = tmp_path / "out"
    run(files, recipe, out)
    files[2].write_bytes(files[3].read_bytes())
    results = run(files, recipe, out)
    assert [result.status for result in results] == ["unchanged"] * 2 + ["failed"] + ["unchanged"] * 3
    assert "2_lev1p5.fits already exists and was made from a different input file. Use --overwrite" in results[2].error
    assert statuses(files, recipe, out, overwrite=True) == ["unchanged"] * 2 + ["done"] + ["unchanged"] * 3
    assert statuses(files, recipe, out) == ["unchanged"] * 6


def test_an_output_of_a_different_recipe_is_refused(tmp_path: Path, files, toml: str) -> None:
    out = tmp_path / "out"
    run(files[:1], Recipe.from_toml(toml), out)
    result = run(files[:1], Recipe.from_toml(toml + 'method = "bilinear"'), out)[0]
    assert result.status == "failed"
    assert "was made with a different recipe" in result.error


def test_an_output_with_a_different_compression_is_refused(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    run(files[:1], recipe, out)
    assert statuses(files[:1], recipe, out, compression="rice") == ["failed"]
    assert statuses(files[:1], recipe, out, compression="rice", overwrite=True) == ["done"]
    assert statuses(files[:1], recipe, out, compression="rice") == ["unchanged"]


def test_the_name_of_the_recipe_does_not_matter(tmp_path: Path, files, toml: str) -> None:
    run(files[:1], Recipe.from_toml('name = "one"\n' + toml), tmp_path / "out")
    assert statuses(files[:1], Recipe.from_toml('name = "two"\n' + toml), tmp_path / "out") == ["unchanged"]


def test_a_truncated_output_is_not_accepted_as_complete(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    output = run(files[:1], recipe, out)[0].output
    assert output is not None
    output.write_bytes(output.read_bytes()[:-2880])
    result = run(files[:1], recipe, out)[0]
    assert result.status == "failed"
    assert "is not a complete output" in result.error
    assert statuses(files[:1], recipe, out, overwrite=True) == ["done"]


def test_an_output_records_the_hash_of_its_input(tmp_path: Path, files, recipe: Recipe) -> None:
    result = run(files[:1], recipe, tmp_path / "out")[0]
    assert fits.getheader(result.output)["INPUTID"] == result.input_hash
    assert len(result.input_hash) == 64


def test_a_batch_can_run_twice_in_its_input_folder(files, recipe: Recipe) -> None:
    folder = files[0].parent
    assert statuses(folder, recipe, folder) == ["done"] * 6
    assert statuses(folder, recipe, folder) == ["unchanged"] * 6
    assert len(list(folder.iterdir())) == 12


def test_temporary_files_of_a_killed_batch_are_removed(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".0123abcd.tmp.fits").write_bytes(b"half")
    run(files[:1], recipe, out)
    assert [path.name for path in out.iterdir()] == ["0_lev1p5.fits"]
    assert read(out / "0_lev1p5.fits").header["LVL_NUM"] == 1.5


def test_files_named_in_a_recipe_are_compared_by_content(tmp_path: Path, files, pointing_path: Path) -> None:
    out, table = tmp_path / "out", tmp_path / "pointing.ecsv"
    text = pointing_path.read_text()
    toml = '[[step]]\nuse = "update_pointing"\nsource = "{}"\n[[step]]\nuse = "register"\n'
    table.write_text(text)
    first = Recipe.from_toml(toml.format(table.as_posix()))
    run(files[:1], first, out)
    (tmp_path / "elsewhere.ecsv").write_text(text)
    assert statuses(files[:1], Recipe.from_toml(toml.format(tmp_path / "elsewhere.ecsv")), out) == ["unchanged"]
    table.write_text(text.replace("2069.808594", "2074.808594"))
    result = run(files[:1], Recipe.from_toml(toml.format(table.as_posix())), out)[0]
    assert result.status == "failed"
    assert "was made with a different recipe" in result.error


def test_an_input_that_was_removed_is_reported(tmp_path: Path, files, recipe: Recipe) -> None:
    run(files[:1], recipe, tmp_path / "out")
    files[0].unlink()
    result = run(files[:1], recipe, tmp_path / "out")[0]
    assert result.status == "failed"
    assert "no such file" in result.error


def test_a_picture_is_drawn_again_with_its_output(tmp_path: Path, files, toml: str) -> None:
    out = tmp_path / "out"
    one, other = Recipe.from_toml(toml), Recipe.from_toml(toml + 'method = "nearest-neighbor"\n')
    picture = run(files[:1], one, out, quicklook=True)[0].quicklook
    assert picture is not None
    first = picture.read_bytes()
    drawn = picture.stat().st_mtime_ns
    assert run(files[:1], one, out, quicklook=True)[0].quicklook == picture
    assert picture.stat().st_mtime_ns == drawn
    light = run(files[:1], one, out, quicklook={"background": "light", "size": 256})[0]
    assert (light.status, light.quicklook) == ("unchanged", picture)
    assert Image.open(picture).convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    run(files[:1], other, out, overwrite=True)
    assert run(files[:1], other, out, quicklook=True)[0].status == "unchanged"
    assert picture.read_bytes() != first


@pytest.mark.parametrize("wrong", [{"colour": "red"}, {"size": 3}, "large"])
def test_wrong_options_of_the_picture_are_refused_before_the_batch(
    tmp_path: Path, files, recipe: Recipe, wrong: object
) -> None:
    with pytest.raises(SettingsError, match=r"quicklook = .* neither a bool nor a dict|size = 3"):
        run(files[:1], recipe, tmp_path / "out", quicklook=wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_reports_contain_the_hash_of_unchanged_outputs(tmp_path: Path, files, recipe: Recipe) -> None:
    first = run(files[:1], recipe, tmp_path / "out", report=tmp_path / "a.json")[0]
    again = run(files[:1], recipe, tmp_path / "out", report=tmp_path / "b.json")[0]
    assert again.output_hash == first.output_hash != ""
    assert sum(again.seconds.values()) == 0


def test_an_output_that_another_batch_made_in_the_meantime_is_unchanged(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    made = run(files[:1], recipe, tmp_path / "made")[0].output
    assert made is not None
    pipeline_call = Pipeline.__call__

    def call(self: Pipeline, ccd: CCDData, **options: object) -> CCDData:
        shutil.copy(made, out / made.name)
        return pipeline_call(self, ccd, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pipeline, "__call__", call)
        assert statuses(files[:1], recipe, out) == ["unchanged"]


def test_an_output_that_would_replace_its_input_is_refused(files, toml: str) -> None:
    recipe = Recipe.from_toml('[output]\nname = "{stem}.fits"\n' + toml)
    before = files[0].read_bytes()
    with pytest.raises(WriteError, match="would replace an input"):
        run(files[0].parent, recipe, files[0].parent)
    assert files[0].read_bytes() == before
