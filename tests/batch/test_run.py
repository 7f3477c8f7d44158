"""Tests of batches: a file that fails does not stop the others, and only the requested outputs are written."""

from __future__ import annotations

import hashlib
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scenes import set_cards, small_exposure, small_sun

from aia_ccdproc import RecipeError, WriteError, get_plugin_manager, hookimpl, prep, read, run
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.synthetic import builtin_pointing_path


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def test_each_output_equals_what_prep_makes(tmp_path: Path, files, recipe: Recipe) -> None:
    before = digests(files)
    results = run(files, recipe, tmp_path / "new" / "out")
    assert [result.path for result in results] == files
    assert [result.status for result in results] == ["done"] * 6
    assert [result.output.name for result in results] == [f"{i}_lev1p5.fits" for i in range(6)]
    for result in results:
        expected = prep(read(result.path), recipe)
        written = read(result.output)
        assert np.array_equal(written.data, expected.data, equal_nan=True)
        assert written.header["RECIPEID"] == recipe.digest
        assert written.header["LVL_NUM"] == 1.5
    assert digests(files) == before


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_bad_file_fails_alone(tmp_path: Path, files, recipe: Recipe, where: int) -> None:
    files[where].write_bytes(files[where].read_bytes()[:4000])
    results = run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["failed" if i == where else "done" for i in range(6)]
    assert results[where].output is None
    assert results[where].error.startswith(f"ReadError: {files[where]}: ")
    written = {result.output.name for result in results if result.output}
    assert {path.name for path in (tmp_path / "out").iterdir()} == written
    assert len(written) == 5


def test_an_error_in_a_plugin_fails_only_its_file_and_its_traceback_is_kept(
    tmp_path: Path, files, recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaking:
        @staticmethod
        @hookimpl
        def prep_register(ccd, instrument, settings):
            if ccd.header["DATAMARK"] == "bad":
                raise ZeroDivisionError("deep in a plugin")

    for path, mark in zip(files[:3], ("good", "bad", "good"), strict=True):
        set_cards(path, DATAMARK=mark)
    manager, plugin = get_plugin_manager(), Plugin("it", "breaking", "1.0")
    manager.add(Breaking(), plugin)
    try:
        with caplog.at_level(logging.DEBUG, "aia_ccdproc"):
            results = run(files[:3], recipe, tmp_path / "out")
    finally:
        manager.remove(plugin)
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert "deep in a plugin" in results[1].error
    assert [bool(result.traceback) for result in results] == [False, True, False]
    assert "ZeroDivisionError: deep in a plugin" in results[1].traceback
    assert "in prep_register" in results[1].traceback
    logged = [record for record in caplog.records if results[1].traceback in record.getMessage()]
    assert [record.levelno for record in logged] == [logging.DEBUG]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_two_runs_give_the_same_bytes_except_dates(tmp_path: Path, files, recipe: Recipe) -> None:
    one, other = (run(files[:1], recipe, tmp_path / name)[0].output for name in ("one", "other"))
    assert np.array_equal(fits.getdata(one), fits.getdata(other), equal_nan=True)
    headers = [fits.getheader(path) for path in (one, other)]
    for header in headers:
        for keyword in ("DATE", "CHECKSUM", "DATASUM"):
            header.pop(keyword)
    assert headers[0].tostring() == headers[1].tostring()


# -- refusals ------------------------------------------------------------------------------------


def test_an_existing_output_is_kept_without_overwrite(tmp_path: Path, files, recipe: Recipe) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "1_lev1p5.fits").write_bytes(b"an older output")
    results = run(files[:3], recipe, out)
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert "already exists" in results[1].error
    assert "--overwrite" in results[1].error
    assert (out / "1_lev1p5.fits").read_bytes() == b"an older output"
    assert [result.status for result in run(files[:3], recipe, out, overwrite=True)] == [
        "unchanged",
        "done",
        "unchanged",
    ]
    assert read(out / "1_lev1p5.fits").header["LVL_NUM"] == 1.5


def test_two_files_with_the_same_output_are_refused_before_any_file_is_processed(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    other = tmp_path / "other" / "0.fits"
    other.parent.mkdir()
    other.write_bytes(files[0].read_bytes())
    with pytest.raises(WriteError, match=r"0\.fits and .*0\.fits would both be written to .*0_lev1p5\.fits"):
        run([*files, other], recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_would_replace_an_input_is_refused_before_any_file_is_processed(
    tmp_path: Path, files, recipe: Recipe
) -> None:
    twin = files[0].with_name("0_lev1p5.fits")
    twin.write_bytes(files[0].read_bytes())
    before = digests([twin])
    with pytest.raises(WriteError, match=r"0_lev1p5\.fits would replace an input\. Choose another output folder"):
        run([files[0], twin], recipe, files[0].parent, overwrite=True)
    assert digests([twin]) == before


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path, files, recipe: Recipe) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(WriteError, match=r"the output folder .*out cannot be created"):
        run(files, recipe, tmp_path / "out")


def test_a_recipe_with_problems_stops_the_batch_before_a_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file or built-in recipe"):
        run([tmp_path / "nowhere.fits"], "no-such-recipe", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_warnings_are_part_of_the_result_of_their_file(tmp_path: Path, files) -> None:
    table = tmp_path / "none.csv"
    table.write_text("T_START,T_STOP,A_094_X0\n1999-01-01T00:00:00Z,1999-01-01T03:00:00Z,1\n")
    keep = Recipe.from_toml(
        '[[step]]\nuse = "update_pointing"\nsource = "none.csv"\non_missing = "keep"', folder=tmp_path
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # they must not be issued a second time
        result = run(files[:1], keep, tmp_path / "out")[0]
    assert result.status == "done"
    assert len(result.warnings) == 1
    assert "pointing of the header kept" in result.warnings[0]


def test_outputs_are_compressed_on_request(tmp_path: Path, files, recipe: Recipe) -> None:
    output = run(files[:1], recipe, tmp_path / "out", compression="rice")[0].output
    with fits.open(output, disable_image_compression=True) as hdus:
        assert hdus[1].header["ZCMPTYPE"] == "RICE_1"


def test_no_header_is_read_in_advance_if_no_step_needs_it(tmp_path: Path, monkeypatch) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise AssertionError(f"the header of {path} is read without need")

    monkeypatch.setattr("aia_ccdproc.io.read_header", refuse)
    exposure = small_exposure(shape=(40, 50))
    path = exposure.write_level1(exposure.image(small_sun()), tmp_path / "a.fits")
    recipe = Recipe.from_toml(
        f'[[step]]\nuse = "update_pointing"\nsource = "{builtin_pointing_path().as_posix()}"\n'
        '[[step]]\nuse = "register"\n'
    )
    assert [result.status for result in run(path, recipe, tmp_path / "out")] == ["done"]
