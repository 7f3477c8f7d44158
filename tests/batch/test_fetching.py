"""Files of archives and URLs as inputs: they are fetched ahead, completely or not at all, and only if necessary."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from jsoc_server import JsocServer

from aia_ccdproc import Progress, ReadError, WriteError, get_plugin_manager, hookimpl, prep, read, run
from aia_ccdproc.batch import fetching
from aia_ccdproc.batch.inputs import find_inputs
from aia_ccdproc.batch.private_folder import private_folder
from aia_ccdproc.plugin import Plugin, RemoteFile
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.tables import download, network


@pytest.fixture
def urls(files: list[Path], jsoc: JsocServer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """URLs of six level-1 files."""
    monkeypatch.setattr(network, "_FIRST_PAUSE_SECONDS", 0.05)
    return [jsoc.add_file(f"level1/{path.name}", path.read_bytes()) for path in files]


def visible_and_hidden(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_urls_are_prepped_like_files(tmp_path: Path, files, urls, recipe: Recipe) -> None:
    results = run(urls, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["done"] * 6
    expected, written = prep(read(files[0]), recipe), read(results[0].output)
    assert np.array_equal(written.data, expected.data, equal_nan=True)
    assert written.header["INPUTSRC"] == urls[0]
    assert visible_and_hidden(tmp_path / "out") == [f"{i}_lev1p5.fits" for i in range(6)]


@pytest.mark.process
def test_workers_prep_what_this_process_fetches(tmp_path: Path, urls, recipe: Recipe) -> None:
    results = run(urls, recipe, tmp_path / "out", jobs=2, keep_level1=True)
    assert [result.status for result in results] == ["done"] * 6
    assert visible_and_hidden(tmp_path / "out" / "level1") == [f"{i}.fits" for i in range(6)]


def test_a_batch_is_resumed_without_fetching_what_has_an_output(
    tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer
) -> None:
    run(urls[:2], recipe, tmp_path / "out")
    results = run(urls[:3], recipe, tmp_path / "out", report=tmp_path / "report.html")
    assert [result.status for result in results] == ["unchanged", "unchanged", "done"]
    assert len(jsoc.requested_files) == 3
    other = Recipe.from_toml('[[step]]\nuse = "normalize_exposure"\n')
    refused = run(urls[:1], other, tmp_path / "out")
    assert "different recipe" in refused[0].error
    assert len(jsoc.requested_files) == 3
    assert run(urls[:1], other, tmp_path / "out", overwrite=True)[0].status == "done"


class AnotherBatch(Progress):
    """Runs a batch with the same files and the same folder, just before a file is prepped."""

    def __init__(self, urls: list[str], folder: Path, keep: bool) -> None:
        self.arguments = (
            urls,
            Recipe.from_toml('[output]\nname = "{stem}_other.fits"\n[[step]]\nuse = "register"\n'),
            folder,
        )
        self.keep, self.results = keep, []

    def started(self, path: Path) -> None:
        self.results += run(*self.arguments, keep_level1=self.keep)


@pytest.mark.parametrize("keep", [False, True])
def test_batches_with_the_same_folder_do_not_disturb_each_other(
    tmp_path: Path, urls, recipe: Recipe, keep: bool
) -> None:
    other = AnotherBatch(urls[:2], tmp_path / "out", keep)
    results = run(urls[:2], recipe, tmp_path / "out", keep_level1=keep, progress=other)
    assert [result.status for result in results] == ["done"] * 2
    assert [result.status for result in other.results] == ["done"] * 2 + ["unchanged"] * 2
    level1 = ["level1", "level1/0.fits", "level1/1.fits"] if keep else []
    outputs = [f"{i}_{name}.fits" for i in range(2) for name in ("lev1p5", "other")]
    assert visible_and_hidden(tmp_path / "out") == [*outputs, *level1]


def test_what_a_killed_batch_has_fetched_is_not_fetched_again(
    tmp_path: Path, files, urls, recipe: Recipe, jsoc: JsocServer
) -> None:
    left = tmp_path / "out" / ".level1" / "0a1b2c3d"
    left.mkdir(parents=True)
    (left / ".sources.json").write_text(json.dumps({"0.fits": urls[0], "1.fits": "https://another/1.fits"}))
    for path in files[:2]:
        (left / path.name).write_bytes(files[0].read_bytes())
    assert [result.status for result in run(urls[:2], recipe, tmp_path / "out")] == ["done", "done"]
    assert jsoc.requested_files == [urlsplit(urls[1]).path]
    assert visible_and_hidden(tmp_path / "out") == ["0_lev1p5.fits", "1_lev1p5.fits"]


def test_files_of_killed_batches_are_taken_over_and_those_in_use_are_not(tmp_path: Path) -> None:
    left, own, other = (tmp_path / "out" / ".level1" / name for name in ("left", "own", "other"))
    left.mkdir(parents=True)
    sources = {"a.fits": "https://host/a.fits", "b.fits": "https://host/b.fits"}
    (left / ".sources.json").write_text(json.dumps({**sources, "b.fits": "https://another/b.fits"}))
    for name in ("a.fits", "b.fits", ".1234.part", ".1234.json", ".00000000.tmp.fits"):
        (left / name).write_text("")
    (left.parent / ".left.lock").write_text("")
    with private_folder(own, sources):
        assert visible_and_hidden(own) == [".1234.json", ".1234.part", ".sources.json", "a.fits"]
        assert not left.exists()
        with private_folder(other, sources):
            assert visible_and_hidden(other) == [".sources.json"]
        assert visible_and_hidden(own.parent) == [
            ".own.lock",
            "own",
            "own/.1234.json",
            "own/.1234.part",
            "own/.sources.json",
            "own/a.fits",
        ]
    assert visible_and_hidden(tmp_path / "out") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be created"), private_folder(tmp_path / "file" / ".level1" / "a", {}):
        raise AssertionError


def test_a_kept_file_is_not_fetched_again(tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer) -> None:
    run(urls[:1], recipe, tmp_path / "out", keep_level1=True)
    (tmp_path / "out" / "0_lev1p5.fits").unlink()
    assert run(urls[:1], recipe, tmp_path / "out", keep_level1=True)[0].status == "done"
    assert len(jsoc.requested_files) == 1


def test_the_rest_of_a_kept_file_is_fetched_by_the_next_run(
    tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer
) -> None:
    jsoc.file_failures[urlsplit(urls[0]).path] = ["cut off", "404"]
    assert run(urls[:1], recipe, tmp_path / "out", keep_level1=True)[0].status == "failed"
    assert not any(path.suffix == ".fits" for path in (tmp_path / "out" / "level1").iterdir())
    assert run(urls[:1], recipe, tmp_path / "out", keep_level1=True)[0].status == "done"
    assert jsoc.requested_ranges[-1] == jsoc.requested_ranges[-2] != jsoc.requested_ranges[0]
    assert visible_and_hidden(tmp_path / "out" / "level1") == ["0.fits"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("404", "HTTP 404"),
        ("maintenance page", "is not a FITS file"),
        ("incomplete", "0.fits"),
    ],
)
def test_a_file_that_cannot_be_fetched_fails_alone(
    tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer, failure: str, message: str
) -> None:
    jsoc.file_failures[urlsplit(urls[0]).path] = [failure]
    results = run(urls[:3], recipe, tmp_path / "out")
    assert [result.status for result in results] == ["failed", "done", "done"]
    assert message in results[0].error
    assert not results[0].traceback
    assert visible_and_hidden(tmp_path / "out") == ["1_lev1p5.fits", "2_lev1p5.fits"]


@pytest.mark.parametrize("failure", ["503", "cut off", "wrong length"])
def test_a_failure_that_passes_is_retried(tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer, failure: str) -> None:
    jsoc.file_failures[urlsplit(urls[0]).path] = [failure]
    assert run(urls[:1], recipe, tmp_path / "out")[0].status == "done"
    assert len(jsoc.requested_files) == 2


def test_files_are_fetched_ahead_and_not_more_than_four(tmp_path: Path, files) -> None:
    release, running, most = threading.Event(), set(), []

    class Slow(RemoteFile):
        def fetch(self, path: Path) -> None:
            running.add(self.name)
            most.append(len(running))
            assert release.wait(10)
            path.write_bytes(files[0].read_bytes())
            running.discard(self.name)

    paths = [tmp_path / "ahead" / f"{i}.fits" for i in range(9)]
    fetches = fetching.FetchAhead({path: Slow(path.name, path.name, "here") for path in paths}, keep=False)
    fetches.start(paths)
    release.set()
    for path in paths:
        fetches.start(paths[paths.index(path) :])
        future = fetches.running(path)
        if future is not None:
            future.result()
        assert fetches.error(path) is None
        fetches.discard([path])
    assert max(most) <= 4
    assert len(most) == 9
    fetches.close()
    assert not (tmp_path / "ahead").exists()


def test_a_server_that_does_not_answer_is_asked_for_few_files(tmp_path: Path) -> None:
    asked = []

    class Silent(RemoteFile):
        def fetch(self, path: Path) -> None:
            asked.append(self.name)
            raise network.NoAnswerError(self.source, "the server did not answer")

    paths = [tmp_path / f"{i}.fits" for i in range(9)]
    fetches = fetching.FetchAhead({path: Silent(path.name, path.name, "here") for path in paths}, keep=False)
    for path in paths:
        fetches.start([path])
        future = fetches.running(path)
        assert isinstance(future.exception() if future else fetches.error(path), network.NoAnswerError)
    assert asked == ["0.fits"]


def test_a_password_is_not_shown(tmp_path: Path, urls, recipe: Recipe, jsoc: JsocServer) -> None:
    private = urls[0].replace("://", "://me:secret@")
    jsoc.file_failures[urlsplit(urls[0]).path] = ["404"]
    failed = run(private, recipe, tmp_path / "out")[0]
    assert "***@" in failed.error
    assert "secret" not in failed.error
    done = run(private, recipe, tmp_path / "out")[0]
    assert read(done.output).header["INPUTSRC"] == urls[0].replace("://", "://***@")


def test_files_are_selected_by_their_header(tmp_path: Path, urls, toml: str) -> None:
    recipe = Recipe.from_toml(toml + "[select]\nWAVELNTH = 335\n")
    assert [result.status for result in run(urls[:2], recipe, tmp_path / "out")] == ["skipped", "skipped"]
    assert not (tmp_path / "out" / ".level1").exists()


def test_a_file_larger_than_the_limit_is_refused(
    tmp_path: Path, urls, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_MAX_FILE_BYTES", 5000)
    assert "larger than" in run(urls[:1], recipe, tmp_path / "out")[0].error


def test_a_folder_that_cannot_be_written_is_an_error_of_this_package(tmp_path: Path) -> None:
    class Any(RemoteFile):
        def fetch(self, path: Path) -> None:
            raise AssertionError

    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        fetching.fetch_file(Any("a.fits", "a", "here"), tmp_path / "file" / "a.fits")
    with pytest.raises(ReadError, match="a cannot be fetched"):
        fetching.fetch_file(Any("a.fits", "a", "here"), tmp_path / "a.fits")
    assert visible_and_hidden(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ftp://host/a.fits", "no plugin knows the scheme ftp"),
        ("jsoc:aia.lev1[]", "aia-ccdproc-jsoc"),
        ("https:///a.fits", "names no host"),
        ("https://me:se/cret@host:x/a.fits", "is not a URL"),
    ],
)
def test_an_input_that_no_plugin_knows_is_refused(name: str, message: str) -> None:
    with pytest.raises(ReadError, match=message) as caught:
        find_inputs(name)
    assert "cret" not in str(caught.value)


def test_a_file_whose_name_contains_a_colon_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jsoc:a.fits").write_text("")
    assert find_inputs("jsoc:a.fits")[0].remote is None
    assert find_inputs("missing:a.fits")[0].path == Path("missing:a.fits")


def test_two_files_of_the_same_name_and_names_of_other_folders_are_refused() -> None:
    with pytest.raises(ReadError, match="have the same name"):
        find_inputs(["https://host/a/0.fits", "https://host/b/0.fits"])
    for name in ("https://host/.a.fits", "https://host/a.txt"):
        with pytest.raises(ReadError, match="is not the name of a FITS file"):
            find_inputs(name)


def test_a_plugin_adds_a_scheme(tmp_path: Path, files, recipe: Recipe) -> None:
    class Copied(RemoteFile):
        def header(self):
            return read(files[0]).header

        def fetch(self, path: Path) -> None:
            path.write_bytes(files[0].read_bytes())

    class Archive:
        @staticmethod
        @hookimpl
        def prep_inputs(name):
            return [Copied("a.fits", name, "here")] if name.startswith("archive:") else None

    manager, plugin = get_plugin_manager(), Plugin("it", "archive", "1.0")
    manager.add(Archive(), plugin)
    try:
        result = run("archive:a", recipe, tmp_path / "out.fits")[0]
    finally:
        manager.remove(plugin)
    assert result.status == "done"
    assert read(tmp_path / "out.fits").header["INPUTSRC"] == "archive:a"
