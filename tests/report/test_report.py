"""Reports of a batch: the JSON has its schema, and the page is rendered in headless Chromium."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scenes import small_exposure, small_sun

import aia_ccdproc
from aia_ccdproc.errors import SettingsError, WriteError
from aia_ccdproc.report.data import median_seconds, report_data
from aia_ccdproc.report.page import render_page
from aia_ccdproc.report.results import BatchInfo, FileResult, Geometry, Observation
from aia_ccdproc.report.svg import Point, plot_svg
from aia_ccdproc.report.thumbnail import picture_size, thumbnails
from aia_ccdproc.report.write import check_report_path, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt: chromium)")
HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">'\"&</script></style>.fits"
INFO = BatchInfo(
    recipe="level1.5",
    digest="0123456789abcdef",
    steps=(("update_pointing", "source=auto", None), ("register", "method=bicubic", "fast 1.0")),
    versions={"python": "3.11.2", "aia-ccdproc": "0.1.0"},
    started=datetime.datetime(2026, 8, 19, 21, 4, 11, tzinfo=datetime.UTC),
    seconds=12.5,
    jobs=2,
    output_dir=Path("level15"),
)
OBSERVATION = Observation(
    instrument="AIA",
    channel=171,
    time="2020-01-01T00:00:11.570",
    exposure=2.9,
    quality=0x2100,
    quality_names=["missing-pixels", "eclipse"],
)
GEOMETRY = {
    "input": Geometry(sun_x=2052.5, sun_y=2040.25, roll=0.02, scale=0.5995, size=[4096, 4096]),
    "corrected": Geometry(sun_x=2053.0, sun_y=2040.0, roll=0.025, scale=0.5994, size=[4096, 4096]),
    "output": Geometry(sun_x=2048.5, sun_y=2048.5, roll=0.0, scale=0.6, size=[4096, 4096]),
}
DOCS = Path(__file__).parents[2] / "docs" / "batches.rst"


@pytest.fixture(scope="session")
def prepped(pointing_path: Path) -> tuple[bytes, bytes]:
    """Make the thumbnails of an image before and after prepping."""
    level1 = small_exposure(channel=171).image(small_sun())
    level15 = aia_ccdproc.register(aia_ccdproc.update_pointing(level1, source=pointing_path))
    return thumbnails(level1, level15, picture_size(6))


@pytest.fixture(scope="session")
def results(prepped: tuple[bytes, bytes]) -> list[FileResult]:
    """Make one result of every kind, and one with a hostile file name."""
    before, after = prepped
    pointing = {"record": "sdo.master_pointing[:#34506]", "source": "cache", "start": "2020-01-01", "hash": "9f31"}
    return [
        FileResult(
            Path("in/b.fits"),
            "done",
            output=Path("level15/b_lev1p5.fits"),
            seconds={"read": 0.5, "register": 1.5, "write": 0.25},
            pointing=pointing,
            warnings=("the pointing was kept",),
            before=before,
            after=after,
            input_hash="a" * 64,
            output_hash="b" * 64,
            worker="host:17",
            peak_memory=2**30,
            observation=OBSERVATION,
            geometry=GEOMETRY,
            limb={"x": 0.31, "y": -0.12, "radius": 975.3, "x_error": 0.021, "y_error": 0.02, "radius_error": 0.03},
            quicklook=Path("level15/b_lev1p5.png"),
        ),
        FileResult(Path("in/a10.fits"), "done", seconds={"read": 0.1, "register": 0.2, "write": 0.1}),
        FileResult(Path("in/a9.fits"), "failed", error="ReadError: in/a9.fits: cut off\nat 17 bytes", before=before),
        FileResult(
            Path(HOSTILE),
            "failed",
            error=f"PluginError: {HOSTILE}",
            traceback=f"Trace: {HOSTILE}",
            seconds={"read": 3},
        ),
        FileResult(Path("in/c.fits"), "skipped", reason="WAVELNTH is 94; the recipe selects 171"),
        FileResult(Path("in/d.fits"), "unchanged", output=Path("level15/d_lev1p5.fits")),
    ]


class Page(HTMLParser):
    """The rows of a page, and all of its tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._cell = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        kind = str(dict(attrs).get("class"))
        if tag == "tr":
            self.rows.append({})
        if tag == "td" or kind in ("name", "folder"):
            self._cell = kind

    def handle_data(self, data: str) -> None:
        if self._cell and self.rows:
            self.rows[-1][self._cell] = self.rows[-1].get(self._cell, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and self._cell in ("name", "folder"):
            self._cell = "file"

    def shown(self) -> list[str]:
        """Return the paths of the files."""
        folder = "in"  # of most files; the rows do not repeat it
        return [str(Path(row.get("folder", folder)) / row["name"]) for row in self.rows if "name" in row]


@pytest.fixture
def chromium(tmp_path: Path) -> Callable[..., str]:
    """Return a function that opens a page in headless Chromium, with a new profile, and returns what it prints."""

    def open_page(page: Path, *options: str, fragment: str = "") -> str:
        flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--no-sandbox"]
        profile = tmp_path / f"profile{len(list(tmp_path.glob('profile*')))}"
        command = [str(CHROMIUM), "--headless", *flags, f"--user-data-dir={profile}", *options]
        done = subprocess.run([*command, page.as_uri() + fragment], capture_output=True, timeout=120, check=True)
        return done.stdout.decode(errors="replace")

    return open_page


def without_inline(html: str) -> str:
    return re.sub(r"<(script|style)>.*?</\1>", r"<\1></\1>", html, count=2, flags=re.DOTALL)


def test_json_has_every_key_of_the_schema_and_the_docs_list_them(tmp_path: Path, results: list[FileResult]) -> None:
    data = json.loads(write_report(tmp_path / "r.json", INFO, results).read_text(encoding="utf-8"))
    assert data["schema"] == 2
    assert data["totals"] == {"files": 6, "done": 2, "unchanged": 1, "skipped": 1, "failed": 2}
    assert data["started"] == "2026-08-19T21:04:11Z"
    assert data["recipe"]["steps"][1] == {"use": "register", "settings": "method=bicubic", "plugin": "fast 1.0"}
    first = data["files"][0]
    assert first["path"] == "in/b.fits"
    assert list(first["seconds"]) == ["read", "register", "write"]
    assert first["peak_memory"] == 2**30
    assert first["observation"] == OBSERVATION
    assert first["geometry"] == GEOMETRY
    assert first["limb"]["x_error"] == 0.021
    assert "before" not in first
    assert [each["traceback"] for each in data["files"]] == ["", "", "", f"Trace: {HOSTILE}", "", ""]
    text = DOCS.read_text(encoding="utf-8")
    keys = {*data, *data["recipe"], *data["recipe"]["steps"][0], *data["totals"], *first, *first["pointing"]}
    keys |= {*first["observation"], *first["geometry"], *first["geometry"]["input"], *first["limb"]}
    assert sorted(key for key in keys if f"``{key}``" not in text) == []


def test_json_contains_null_for_numbers_that_are_not_finite(tmp_path: Path) -> None:
    broken = FileResult(Path("a.fits"), "done", seconds={"read": float("nan"), "write": float("inf")})
    text = write_report(tmp_path / "r.json", INFO, [broken]).read_text(encoding="utf-8")
    assert json.loads(text)["files"][0]["seconds"] == {"read": None, "write": None}
    assert "NaN" not in text
    assert "Infinity" not in text
    assert "nan" not in without_inline(render_page(INFO, [broken])).lower()


def test_medians_include_only_files_with_status_done(results: list[FileResult]) -> None:
    medians = median_seconds(results)
    assert medians == pytest.approx({"read": 0.3, "register": 0.85, "write": 0.175})
    assert list(medians) == ["read", "register", "write"]


def test_a_time_without_time_zone_is_utc() -> None:
    naive = datetime.datetime(2026, 8, 19, 21, 4, 11)
    info = BatchInfo("r", "", (), {}, naive, 0.0, 1, Path())
    assert report_data(info, [])["started"] == "2026-08-19T21:04:11Z"


@pytest.mark.parametrize("name", ["report.json", "report.html", "report.HTM"])
def test_a_report_replaces_an_old_one_and_leaves_no_other_file(
    tmp_path: Path, results: list[FileResult], name: str
) -> None:
    target = tmp_path / name
    target.write_text("old")
    assert write_report(target, INFO, results) == target
    assert "b.fits" in target.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [target]


def test_a_report_that_cannot_be_written_is_refused_before_the_batch(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(SettingsError, match=r"unknown suffix '\.txt'\. Use one of: \.json, \.html, \.htm"):
        check_report_path(tmp_path / "report.txt")
    with pytest.raises(WriteError, match="this is a folder"):
        check_report_path(tmp_path / "folder.html")
    with pytest.raises(WriteError, match="nowhere does not exist"):
        check_report_path(tmp_path / "nowhere" / "report.html")


def test_a_report_in_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root can write to every folder
    with pytest.raises(WriteError, match="is not writable"):
        check_report_path(tmp_path / "report.html")


def test_a_full_disk_leaves_the_old_report_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: list[FileResult]
) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left on device"):
        write_report(target, INFO, results)
    assert target.read_text() == "old"


def test_a_file_name_that_is_not_utf8_is_read_back_unchanged(tmp_path: Path) -> None:
    name = Path("a\udcff.fits")
    results = [FileResult(name, "failed", error=f"ReadError: {name}")]
    data = json.loads(write_report(tmp_path / "report.json", INFO, results).read_text(encoding="utf-8"))
    assert Path(data["files"][0]["path"]) == name
    assert r"a\udcff.fits" in write_report(tmp_path / "report.html", INFO, results).read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_has_no_inline_handlers(results: list[FileResult]) -> None:
    html = render_page(INFO, results, Path("report"))
    page = Page(html)
    loaded = {value for name, value in page.attributes if name == "src"}
    assert all(str(value).startswith("data:image/") for value in loaded)
    assert page.tags.count("script") == 1
    assert "link" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert "://" not in re.sub(r"data:image/[^\"]*", "", html)
    assert "default-src 'none'" in html


def test_links_are_relative_to_the_report_and_quoted(tmp_path: Path) -> None:
    names = ["b_lev1p5.fits", "javascript:alert(1).fits", 'a "b" #1?.fits', "æ%41.fits"]
    results = [
        FileResult(Path(name), "done", output=tmp_path / "out" / name, quicklook=tmp_path / "quick.png")
        for name in names
    ]
    page = Page(render_page(INFO, results, tmp_path / "reports"))
    links = [str(value) for name, value in page.attributes if name == "href"]
    assert links[::2] == [
        "../out/b_lev1p5.fits",
        "../out/javascript%3Aalert%281%29.fits",
        "../out/a%20%22b%22%20%231%3F.fits",
        "../out/%C3%A6%2541.fits",
    ]
    assert set(links[1::2]) == {"../quick.png"}
    inside = Page(render_page(INFO, [FileResult(Path("a"), "done", output=Path("javascript:b"))], Path()))
    assert [value for name, value in inside.attributes if name == "href"] == ["javascript%3Ab"]


def test_a_row_shows_the_observation_the_corrections_and_the_limb(results: list[FileResult]) -> None:
    row = Page(render_page(INFO, results)).rows[1]
    assert row["observed"] == "AIA 171 Å2020-01-01 00:00:11.572.9 smissing-pixels, eclipse"
    assert row["corrected"] == (
        "pointing +0.50, \N{MINUS SIGN}0.25 pxshift \N{MINUS SIGN}4.50, +8.50 pxroll +0.025°scale 0.5994 → 0.6″"
    )
    assert row["limb"] == "x +0.310 ± 0.021″y \N{MINUS SIGN}0.120 ± 0.020″R 975.300 ± 0.030″"


def test_columns_without_content_are_hidden(results: list[FileResult]) -> None:
    assert 'class="no-pictures no-limb"' in render_page(INFO, results[1:2])
    assert 'class=""' in render_page(INFO, results)


def test_the_plots_show_each_channel_and_the_range_of_its_values(results: list[FileResult]) -> None:
    other = replace(results[0], observation=Observation(**{**OBSERVATION, "channel": 304}))
    html = render_page(INFO, [results[0], other])
    assert html.count('<svg class="plot"') == 5
    assert "Pointing correction, x, pixels. Medians: AIA 171 Å 0.5, AIA 304 Å 0.5" in html
    assert "Limb offset, y, arcsec. Medians: AIA 171 Å -0.12" in html
    assert '<svg class="plot"' not in render_page(INFO, results[1:])  # without a geometry


def test_a_plot_places_its_points_linearly() -> None:
    points = [Point(1577836800 + 60 * n, value) for n, value in enumerate((0.0, 1.0, 3.0))]
    svg = plot_svg({"channel0": points}, "test")
    path = re.search(r'class="dots channel0" d="([^"]*)"', svg)
    assert path is not None
    x, y = np.array(re.findall(r"M([\d.]+) ([\d.]+)h0", path[1]), dtype=float).T
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert (y[0] - y[2]) / (y[0] - y[1]) == pytest.approx(3, rel=0.01)
    assert ">2020-01-01<" in svg
    assert plot_svg({"a": points[:1]}, "one point")


def test_a_page_of_5000_files_is_smaller_than_20_mb(results: list[FileResult]) -> None:
    picture = b"RIFF".ljust(picture_size(5000).file_bytes, b"x")
    name = "aia.lev1_euv_12s.2017-08-07T235946Z.171.image_lev1"
    seconds = {
        "read": 0.05,
        "update_pointing": 0.005,
        "register": 0.31,
        "write": 0.12,
        "quicklook": 0.9,
        "pictures": 0.009,
    }
    many = [
        replace(
            results[0],
            path=Path(f"/archive/sdo/aia/level1/2017/08/07/{name}_{index}.fits"),
            output=Path(f"/archive/sdo/aia/level15/2017/08/07/{name}_{index}_lev1p5.fits"),
            quicklook=Path(f"/archive/sdo/aia/level15/2017/08/07/{name}_{index}_lev1p5.png"),
            warnings=("the pointing of the header was kept: no record covers T_OBS",) if index % 10 == 0 else (),
            seconds=seconds,
            before=picture,
            after=picture,
        )
        for index in range(5000)
    ]
    size = len(render_page(INFO, many, Path("/archive/sdo/aia/reports")).encode())
    assert size < 20e6


def test_an_empty_interrupted_batch_has_a_page() -> None:
    info = BatchInfo("r", "", (), {}, INFO.started, 0.0, 1, Path(), interrupted=True)
    assert "interrupted, 0 files, none failed" in render_page(info, [])


@given(st.text(min_size=1), st.text(), st.text())
def test_hostile_texts_do_not_become_tags_or_attributes(name: str, error: str, warning: str) -> None:
    plain = FileResult(
        Path("in/a"),
        "failed",
        error="e",
        traceback="t",
        warnings=("w",),
        pointing={"record": "r"},
        worker="w:1",
        observation=Observation(instrument="i", time="x", quality=1, quality_names=["q"]),
        output=Path("in/a"),
    )
    hostile = FileResult(
        Path(name),
        "failed",
        error=error or "e",
        traceback=error or "t",
        warnings=(warning,),
        pointing={"record": error or "r"},
        worker="w:1",
        observation=Observation(instrument=error or "i", time=f"x{warning}", quality=1, quality_names=[name]),
        output=Path(name),
    )
    expected, page = (Page(render_page(INFO, [each], Path("in"))) for each in (plain, hostile))
    assert page.tags == expected.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in expected.attributes]


@pytest.mark.process
@needs_chromium
def test_the_browser_shows_every_file_and_runs_no_hostile_script(
    tmp_path: Path, results: list[FileResult], chromium: Callable[..., str]
) -> None:
    page = Page(dom := chromium(write_report(tmp_path / "r.html", INFO, results), "--dump-dom"))
    assert page.shown() == [str(result.path) for result in results]
    assert "<title>level1.5: 2 of 6 files failed</title>" in dom
    assert page.tags.count("button") == 20  # the page's own script has run: table headers have become buttons
    assert "ReadError: in/a9.fits: cut off\nat 17 bytes" in dom
    assert "sdo.master_pointing[:#34506]" in dom
    assert "<summary>traceback</summary>" in dom
    assert 'alt="after: AIA 171 Å, 2020-01-01T00:00:11"' in dom
    assert 'role="cell"' in dom


@pytest.mark.process
@needs_chromium
@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("#status=failed", ["in/a9.fits", HOSTILE]),
        ("#q=KEPT+b.fits", ["in/b.fits"]),
        ("#status=failed&q=cut%20off&sort=file", ["in/a9.fits"]),
        ("#status=done&sort=seconds", ["in/a10.fits", "in/b.fits"]),
        ("#sort=file", [HOSTILE, "in/a9.fits", "in/a10.fits", "in/b.fits", "in/c.fits", "in/d.fits"]),
        ("#sort=-seconds&q=.fits", [HOSTILE, "in/b.fits", "in/a10.fits", "in/a9.fits", "in/c.fits", "in/d.fits"]),
        ("#q=no such text", []),
        ("#warnings=1", ["in/b.fits"]),
        ("#warnings=1&status=failed", []),
        ("#sort=-shift&status=done", ["in/b.fits", "in/a10.fits"]),
        ("#sort=__proto__&status=done", ["in/b.fits", "in/a10.fits"]),
    ],
)
def test_the_fragment_of_the_address_stores_a_view(
    tmp_path: Path, results: list[FileResult], chromium: Callable[..., str], fragment: str, shown: list[str]
) -> None:
    dom = chromium(write_report(tmp_path / "r.html", INFO, results), "--dump-dom", fragment=fragment)
    assert Page(dom).shown() == [str(Path(name)) for name in shown]
    assert f">{len(shown)} of 6 files<" in dom or len(shown) == 6


@pytest.mark.process
@needs_chromium
@pytest.mark.parametrize("size", ["1280,1000", "500,1600"])
def test_the_browser_renders_the_page_with_pictures(
    tmp_path: Path, results: list[FileResult], chromium: Callable[..., str], size: str
) -> None:
    picture = tmp_path / "page.png"
    chromium(write_report(tmp_path / "r.html", INFO, results), f"--screenshot={picture}", f"--window-size={size}")
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)
    assert len(np.unique(pixels[::7], axis=0)) > 200
    assert ((pixels[:, 0] - pixels[:, 2]) > 100).sum() > 500  # the gold of 171 Å
    assert pixels.std() > 20
