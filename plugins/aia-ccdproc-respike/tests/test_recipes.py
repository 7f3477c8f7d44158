"""Tests of the steps in recipes: their order, real files, and spikes from a local server in place of JSOC."""

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

import aia_ccdproc
from aia_ccdproc import InstrumentError, ReadError, RecipeError, StateError, TableError
from aia_ccdproc.__main__ import main
from aia_ccdproc.tables import FetchCache
from aia_ccdproc_respike import fetch_spikes, respike
from aia_ccdproc_respike.jsoc import prefetch

RECORD = "aia.lev1_euv_12s[2020-01-01T00:00:09Z][171]"
PATH = "/SUM31/D1234/S00000/spikes.fits"
KEYWORDS = {"T_REC": "2020-01-01T00:00:09.000", "FSN": 156014950, "NSPIKES": 3}


@pytest.fixture(autouse=True)
def _plugin(prep_manager):
    prep_manager("aia-ccdproc-respike")


def recipe_of(*steps: str) -> str:
    return "\n".join(f"[[step]]\n{step}\n" for step in steps)


@pytest.mark.parametrize("later", ["register", "normalize_exposure"])
@pytest.mark.parametrize("step", ["respike", "despike"])
def test_a_recipe_cannot_run_the_steps_after_pixels_were_changed(step, later):
    with pytest.raises(RecipeError, match=f"{step} must come before {later}, which is step 1"):
        aia_ccdproc.Recipe.from_toml(recipe_of(f'use = "{later}"', f'use = "{step}"'))


def test_respike_runs_once_and_before_despike():
    with pytest.raises(RecipeError, match="respike may run only once"):
        aia_ccdproc.Recipe.from_toml(recipe_of('use = "respike"', 'use = "respike"'))
    with pytest.raises(RecipeError, match="respike must come before despike"):
        aia_ccdproc.Recipe.from_toml(recipe_of('use = "despike"', 'use = "respike"'))


def test_steps_are_between_pointing_and_registration():
    steps = [name for name in aia_ccdproc.get_plugin_manager().steps() if not name.startswith("ccdproc.")]
    assert steps == ["update_pointing", "respike", "despike", "register", "normalize_exposure"]


def spikes_file(level1: CCDData, corner: tuple[int, int], count: int) -> bytes:
    """Return a spikes file, as JSOC exports it, for a cutout with this corner."""
    random = np.random.default_rng(5)
    flat = random.choice(level1.data.size, count, replace=False)
    rows, columns = np.unravel_index(flat, level1.shape)
    replaced = level1.data[rows, columns].astype(np.int32)
    pixels = (rows + corner[0]) * 4096 + columns + corner[1]
    values = np.array([pixels, replaced + random.integers(100, 3000, count), replaced], dtype=np.int32)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values)]).writeto(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "corner", "exported"),
    [
        ("aia.lev1_euv_12s_mod.2021-06-28T232159Z.171.cutout", (1217, 1123), "2021-06-28T232159Z"),
        ("aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout", (1277, 1925), "2013-03-10T120001Z"),
        ("aia.lev1_euv_12s.2013-03-10T120012Z.171.cutout", (1277, 1925), "2013-03-10T120012Z"),  # by T_OBS
    ],
)
def test_aia_prep_respikes_a_real_cutout_with_the_file_beside_the_recipe(real_data, tmp_path, name, corner, exported):
    source = real_data / "aia_level1" / f"{name}.fits"
    level1 = aia_ccdproc.read(source)
    spikes_path = tmp_path / f"aia.lev1_euv_12s.{exported}.171.spikes.fits"
    spikes_path.write_bytes(spikes_file(level1, corner, level1.header["NSPIKES"]))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[output]\nname = "{stem}_lev0p5.fits"\n' + recipe_of('use = "respike"\nspikes = "."'))
    assert main(["run", str(source), "-r", str(recipe), "-o", str(tmp_path / "out")]) == 0
    result = aia_ccdproc.read(tmp_path / "out" / f"{name}_lev0p5.fits")
    pixels, original, _ = fits.getdata(spikes_path)
    rows, columns = pixels // 4096 - corner[0], pixels % 4096 - corner[1]
    np.testing.assert_array_equal(result.data[rows, columns], original)
    assert (result.data != level1.data).sum() == len(pixels) == level1.header["NSPIKES"]
    assert (result.header["LVL_NUM"], result.header["SPK_N"]) == (0.5, len(pixels))
    assert "respike (aia-ccdproc-respike" in "".join(result.header["HISTORY"])
    recipe.write_text(recipe_of(f'use = "despike"\nspikes = "{spikes_path.name}"', 'use = "register"'))
    back = aia_ccdproc.prep(result, recipe)
    np.testing.assert_array_equal(back.data, aia_ccdproc.register(level1).data)


# -- JSOC ------------------------------------------------------------------------------------------


@pytest.fixture
def image(level1):
    return level1(noise=1, keywords=KEYWORDS)


@pytest.fixture
def online(jsoc, image):
    """Run a local server that has the spikes of the image."""
    answer = {
        "keywords": [{"name": "FSN", "values": [str(KEYWORDS["FSN"])]}],
        "segments": [{"name": "spikes", "values": [PATH], "dims": ["3x3"]}],
        "count": 1,
    }
    jsoc.answers[RECORD] = answer
    jsoc.files[PATH] = spikes_file(image, (1850, 1900), 3)
    return jsoc


def test_spikes_are_fetched_from_jsoc_with_one_query_and_one_download(image, online):
    recipe = aia_ccdproc.Recipe.from_toml(recipe_of(f'use = "respike"\nserver = "{online.url}"'))
    result = aia_ccdproc.prep(image, recipe)
    assert (result.data != image.data).sum() == 3
    assert result.header["SPK_SRC"] == f"{RECORD}{{spikes}}"
    assert online.queried_datasets == [RECORD]
    [query] = [query for query in online.queries if query.get("op") == "rs_list"]
    assert (query["key"], query["seg"]) == ("FSN", "spikes")


def test_jsoc_is_not_queried_for_4500_whose_series_is_not_known(image, online):
    image.header["WAVELNTH"] = 4500
    with pytest.raises(InstrumentError, match="no series of JSOC with spikes of 4500 Å is known, only of 94, "):
        respike(image, server=online.url)
    assert online.queries == []


def test_a_server_that_is_not_a_url_is_a_problem_of_the_recipe():
    with pytest.raises(RecipeError, match="server: should be a URL that starts with http"):
        aia_ccdproc.Recipe.from_toml(recipe_of('use = "respike"\nserver = "nonsense"'))


def test_a_record_of_another_exposure_is_refused(image, online):
    image.header["FSN"] = 5
    with pytest.raises(TableError, match=r"JSOC has no record .* of the exposure FSN=5 of the image"):
        respike(image, server=online.url)
    online.answers[RECORD] = {"count": 0}
    image.header["FSN"] = 6
    with pytest.raises(TableError, match=r"JSOC has no record .* of the exposure FSN=6"):
        respike(image, server=online.url)


def test_a_batch_sends_one_query_per_channel(level1, jsoc, tmp_path):
    minutes, files = range(3), []
    for n in minutes:
        keywords = {**KEYWORDS, "FSN": 100 + n, "T_REC": f"2020-01-01T00:0{n}:05Z"}
        image = level1(171 if n < 2 else 193, noise=n, keywords=keywords)
        jsoc.files[f"/SUM9/{n}.fits"] = spikes_file(image, (1850, 1900), 3)
        files.append(aia_ccdproc.write(image, tmp_path / f"{n}.fits"))
    records = {
        "aia.lev1_euv_12s[2020-01-01T00:00:05Z,2020-01-01T00:01:05Z][171]": (0, 1),
        "aia.lev1_euv_12s[2020-01-01T00:02:05Z][193]": (2,),
    }
    for record, numbers in records.items():
        jsoc.answers[record] = {
            "keywords": [{"name": "FSN", "values": [str(100 + n) for n in numbers]}],
            "segments": [{"name": "spikes", "values": [f"/SUM9/{n}.fits" for n in numbers], "dims": []}],
            "count": len(numbers),
        }
    recipe = aia_ccdproc.Recipe.from_toml(recipe_of(f'use = "respike"\nserver = "{jsoc.url}"'))
    results = aia_ccdproc.run(files, recipe, tmp_path / "out", jobs=2)
    assert [result.status for result in results] == ["done"] * 3, [result.error for result in results]
    assert sorted(jsoc.queried_datasets) == sorted(records)
    assert [aia_ccdproc.read(result.output).header["SPK_N"] for result in results] == [3, 3, 3]


def test_a_channel_that_jsoc_refuses_does_not_affect_the_others(level1, jsoc, tmp_path):
    files = []
    for channel in (131, 171):
        image = level1(channel, noise=1, keywords={**KEYWORDS, "FSN": channel})
        files.append(aia_ccdproc.write(image, tmp_path / f"{channel}.fits"))
    jsoc.files[PATH] = spikes_file(image, (1850, 1900), 3)
    jsoc.answers[RECORD] = {
        "keywords": [{"name": "FSN", "values": ["171"]}],
        "segments": [{"name": "spikes", "values": [PATH], "dims": []}],
        "count": 1,
    }
    jsoc.answers[RECORD.replace("171", "131")] = {"status": 1, "error": "no such series"}
    recipe = aia_ccdproc.Recipe.from_toml(recipe_of(f'use = "respike"\nserver = "{jsoc.url}"'))
    results = aia_ccdproc.run(files, recipe, tmp_path / "out")
    assert [result.status for result in results] == ["failed", "done"], [result.error for result in results]
    assert "[131] from 127.0.0.1" in results[0].error
    assert ": the server refused the query" in results[0].error
    assert results[0].error.endswith(". Try again later, or name the spikes file in the setting spikes")
    assert len(jsoc.queried_datasets) == 2


@pytest.mark.parametrize("count", [4, 4.0, "4"])
def test_nspikes_is_compared_as_a_number_in_every_format(image, online, count):
    image.header["NSPIKES"] = count
    with pytest.raises(StateError, match="contains 3 spikes, but NSPIKES of the image is 4"):
        respike(image, server=online.url)


def test_spikes_on_tape_are_an_error_with_advice(image, online):
    online.answers[RECORD]["segments"][0]["values"] = ["NoDataDirectory"]
    with pytest.raises(TableError, match=r"not online \('NoDataDirectory'\)\. Export them to a folder"):
        respike(image, server=online.url)


def test_a_download_that_is_not_a_spikes_file_is_refused(image, online):
    online.files[PATH] = b"<html>maintenance</html>"
    with pytest.raises(ReadError, match="is not a FITS file"):
        fetch_spikes(image.header, server=online.url)
    del online.files[PATH]
    FetchCache.clear_all()
    online.answers[RECORD]["segments"][0]["values"] = ["/SUM31/elsewhere.fits"]
    with pytest.raises(TableError, match=r"HTTP 404 .*Name the spikes file in the setting spikes$"):
        fetch_spikes(image.header, server=online.url)


def test_a_server_that_did_not_answer_is_an_error_of_each_exposure_of_a_batch(level1, jsoc):
    jsoc.fail("500")
    headers = [level1(noise=1, keywords={**KEYWORDS, "T_REC": f"2020-01-01T0{n}:00:05Z"}).header for n in range(3)]
    with pytest.raises(TableError, match=r"the spikes of .*\[2020-01-01T00:00:05Z\]\[171\] and 2 more from 127"):
        prefetch(headers, server=jsoc.url, timeout=0.3)
    for n, header in enumerate(headers):
        with pytest.raises(TableError, match=rf"the spikes of .*\[2020-01-01T0{n}:00:05Z\]\[171\] from .*HTTP 500"):
            fetch_spikes(header, server=jsoc.url, timeout=0.3)


def test_spikes_whose_number_is_not_that_of_the_header_are_refused(image, online):
    online.files[PATH] = spikes_file(image, (1850, 1900), 4)
    with pytest.raises(StateError, match=r"\{spikes\} contains 4 spikes, but NSPIKES of the image is 3"):
        respike(image, server=online.url)
