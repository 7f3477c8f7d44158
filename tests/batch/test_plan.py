"""Tests of the plan of a batch, which is made or refused before any file is processed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.io import fits
from scenes import set_cards

from aia_ccdproc import ReadError, SettingsError, WriteError, run
from aia_ccdproc.batch.inputs import find_inputs
from aia_ccdproc.batch.plan import Job, make_plan
from aia_ccdproc.recipe.recipe import Recipe


def test_images_that_are_not_selected_are_skipped_with_the_reason(tmp_path: Path, files, toml: str) -> None:
    for path, quality in zip(files, (0, 0x100, 0, -(2**31), 2**30, 0), strict=True):
        set_cards(path, QUALLEV0=quality)
    recipe = Recipe.from_toml("[select]\nQUALLEV0 = { reject_bits = 0x800100f0 }\nWAVELNTH = [94]\n" + toml)
    results = run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done", "done", "done", "skipped", "done", "done"]
    assert "QUALLEV0" in results[3].reason
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_images_can_be_selected_by_their_instrument(tmp_path: Path, files, toml: str) -> None:
    set_cards(files[1], INSTRUME="SWAP")
    results = run(files[:2], Recipe.from_toml('[select]\ninstrument = "AIA"\n' + toml), tmp_path / "out")
    assert [result.status for result in results] == ["done", "skipped"]
    assert "INSTRUME='SWAP'" in results[1].reason


def test_outputs_are_named_after_keywords_and_put_into_subfolders(tmp_path: Path, files, toml: str) -> None:
    recipe = Recipe.from_toml('[output]\nname = "{WAVELNTH:04d}/{stem}_{T_OBS:%H%M%S}.fits"\n' + toml)
    results = run(files[:2], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 2
    for path, result in zip(files, results, strict=False):
        name = f"0094/{path.stem}_000011.fits"
        assert result.output == tmp_path / "out" / name
        assert result.output.is_file()
    assert [result.status for result in run(files[:2], recipe, tmp_path / "out")] == ["unchanged"] * 2


def test_two_outputs_with_the_same_name_from_keywords_are_refused_before_any_file_is_processed(
    tmp_path: Path, files, toml: str
) -> None:
    recipe = Recipe.from_toml('[output]\nname = "{WAVELNTH}.fits"\n' + toml)
    with pytest.raises(WriteError, match=re.escape(f"{files[0]} and {files[1]} would both be written to")):
        run(files, recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("campaign", "reason"),
    [("..", "it must stay in the output folder"), (".x", "hidden part"), ("x" * 300, "more than 255 bytes")],
)
def test_a_file_whose_name_would_be_unsafe_fails_alone(
    tmp_path: Path, files, toml: str, campaign: str, reason: str
) -> None:
    set_cards(files[1], CAMPAIGN=campaign)
    set_cards(files[0], CAMPAIGN="quiet")
    recipe = Recipe.from_toml('[output]\nname = "{CAMPAIGN}/{stem}.fits"\n' + toml)
    results = run(files[:2], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed"]
    assert reason in results[1].error
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".fits"] == []
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 1


#: Cards that astropy cannot parse, or parses to values that no header may have.
BAD_CARDS = {
    "a tab": b"CAMPAIGN= 'tab\there'",
    "a newline": b"CAMPAIGN= 'new\nline'",
    "NUL in a time": b"T_OBS   = '2020-01-01T00:00:11\x00'",
    "a lonely CONTINUE": b"CONTINUE  'lost'",
    "CONTINUE without a string": b"CONTINUE",
    "an infinite value": b"CAMPAIGN= 1E400",
    "rubbish in HISTORY": b"HISTORY " + bytes(range(128, 200)),
    "not text": bytes(range(80)),
}


def put_card(path: Path, card: bytes) -> None:
    """Replace the second last card of the second header of a file."""
    raw = bytearray(path.read_bytes())
    end = raw.index(b"END".ljust(80), raw.index(b"XTENSION"))
    name = card[:8] if card[8:10] == b"= " else None
    position = raw.find(name, raw.index(b"XTENSION"), end) if name else -1
    position = position if position > 0 else end - 80
    raw[position : position + 80] = card.ljust(80)[:80]
    path.write_bytes(raw)


@pytest.mark.parametrize("kind", BAD_CARDS)
@pytest.mark.parametrize(
    "table",
    [
        '[select]\nCAMPAIGN = ["*"]\nT_OBS = { min = 2019-01-01 }\n',
        '[output]\nname = "{CAMPAIGN}/{T_OBS:%Y}/{stem}.fits"\n',
        '[output]\nname = "{CAMPAIGN:d}/{stem}.fits"\n',
        "",
    ],
)
def test_a_file_with_an_invalid_card_never_stops_the_batch(
    tmp_path: Path, files, toml: str, kind: str, table: str
) -> None:
    for path in files[:2]:
        set_cards(path, CAMPAIGN=7, T_OBS="2020-01-01T00:00:11.57Z")
    put_card(files[1], BAD_CARDS[kind])
    when = "" if table else '[[step.when]]\nCAMPAIGN = { min = 3 }\nmethod = "bilinear"\n'
    results = run(files[:2], Recipe.from_toml(table + toml + when), tmp_path / "out")
    assert results[0].status == "done"
    assert results[1].status in ("done", "skipped", "failed")
    assert not results[1].traceback


def test_a_file_that_a_plugin_cannot_judge_fails_alone(
    tmp_path: Path, files, toml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mismatch(recipe: Recipe, header: fits.Header) -> None:
        if header["QUALITY"] == 5:
            raise ZeroDivisionError("a plugin's own fault")

    set_cards(files[1], QUALITY=5)
    monkeypatch.setattr(Recipe, "mismatch", mismatch)
    results = run(files[:3], Recipe.from_toml("[select]\nWAVELNTH = 94\n" + toml), tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert "a plugin's own fault" in results[1].error


def test_a_file_without_a_keyword_of_the_name_fails_alone(tmp_path: Path, files, toml: str) -> None:
    set_cards(files[0], CAMPAIGN="quiet")
    files[2].write_text("not FITS")
    recipe = Recipe.from_toml('[output]\nname = "{CAMPAIGN}-{stem}.fits"\n' + toml)
    results = run(files[:3], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done", "failed", "failed"]
    assert "CAMPAIGN is missing" in results[1].error
    assert "is not a FITS file" in results[2].error


def test_found_files_that_are_outputs_of_other_files_are_omitted(files, recipe: Recipe) -> None:
    folder = files[0].parent
    (folder / "0_lev1p5.fits").write_bytes(files[0].read_bytes())
    plan = make_plan(find_inputs(folder), recipe, folder)
    assert [job.path for job in plan if isinstance(job, Job)] == files


def test_an_output_under_the_name_of_version_0_1_is_continued(tmp_path: Path, files, recipe: Recipe) -> None:
    level1 = files[0].rename(files[0].with_name("image_lev1.fits"))
    out = tmp_path / "out"
    [new] = run(level1, recipe, out)
    assert new.output == out / "image_lev1p5.fits"
    old = new.output.rename(out / "image_lev1_lev1p5.fits")
    [again] = run(level1, recipe, out)
    assert (again.status, again.output) == ("unchanged", old)
    assert [path.name for path in out.iterdir()] == [old.name]
    # In the folder of the inputs, it is not taken for an input.
    beside = level1.with_name(old.name)
    beside.write_bytes(old.read_bytes())
    plan = make_plan(find_inputs(level1.parent), recipe, level1.parent)
    assert [entry for entry in plan if entry.path.name.startswith("image")] == [Job(level1, beside)]


def test_inputs_whose_outputs_differ_in_the_level_alone_are_refused(tmp_path: Path, files, recipe: Recipe) -> None:
    level1 = files[0].rename(files[0].with_name("1_lev1.fits"))
    with pytest.raises(WriteError, match=r"would both be written to .*1_lev1p5\.fits\. Process them in separate runs"):
        run([level1, files[1]], recipe, tmp_path / "out")


@pytest.mark.parametrize("name", ["one.fits", "{T_OBS}.fits", "one.fits.gz"])
def test_one_file_is_written_under_the_name_that_is_given(tmp_path: Path, files, recipe: Recipe, name: str) -> None:
    target = tmp_path / "new" / name
    [result] = run(files[0], recipe, target)
    assert (result.status, result.output) == ("done", target)
    assert target.is_file()
    assert [result.status for result in run(files[0], recipe, target)] == ["unchanged"]
    [refused] = run(files[1], recipe, target)
    assert "was made from a different input file" in refused.error
    with pytest.raises(WriteError, match="would replace an input"):
        run(files[0], recipe, files[0])


def test_the_name_of_one_file_is_refused_for_several_inputs(tmp_path: Path, files, recipe: Recipe) -> None:
    with pytest.raises(SettingsError, match=r"one\.fits is the name of one file, but there are 6 input files"):
        run(files[0].parent, recipe, tmp_path / "one.fits")
    with pytest.raises(SettingsError, match=r"'one\.fit' must end with \.fits or \.fits\.gz"):
        run(files[0], recipe, tmp_path / "one.fit")
    assert not list(tmp_path.glob("one*"))
    (tmp_path / "old.fits").mkdir()  # an existing folder is the output folder
    [result, _] = run(files[:2], recipe, tmp_path / "old.fits")
    assert result.output == tmp_path / "old.fits" / "0_lev1p5.fits"


def test_no_output_folder_is_created_for_an_empty_input_folder(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="empty: the folder contains no FITS files"):
        run(tmp_path / "empty", recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_arguments_override_the_output_settings_of_the_recipe(tmp_path: Path, files, toml: str) -> None:
    recipe = Recipe.from_toml('[output]\ncompression = "rice"\noverwrite = true\n' + toml)
    first = run(files[:1], recipe, tmp_path / "out")[0].output
    with fits.open(first, disable_image_compression=True) as hdus:
        assert hdus[1].header["ZCMPTYPE"] == "RICE_1"
    files[0].write_bytes(files[1].read_bytes())
    assert run(files[:1], recipe, tmp_path / "out", overwrite=False)[0].status == "failed"
    assert run(files[:1], recipe, tmp_path / "out")[0].status == "done"
    plain = run(files[:1], recipe, tmp_path / "plain", compression="none")[0].output
    with fits.open(plain) as hdus:
        assert hdus[0].data.dtype == ">f4"
