"""Settings: validation, defaults, the line in HISTORY, and the digest in RECIPEID."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.table import Table
from pydantic import ValidationError

from aia_ccdproc import SettingsError
from aia_ccdproc.plugin import RECORDED_BY_NAME, UNRECORDED, StepSettings
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

MODELS = (PointingSettings, RegistrationSettings, ExposureSettings)


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_has_a_default_and_a_description(model: type[StepSettings]) -> None:
    for field in model.model_fields.values():
        assert not field.is_required()
        assert field.description.endswith(".")
    model()


@pytest.mark.parametrize("model", MODELS)
def test_an_unknown_setting_is_refused(model: type[StepSettings]) -> None:
    with pytest.raises(ValidationError, match="color"):
        model(color="red")


def test_settings_cannot_be_changed_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RegistrationSettings().method = "bilinear"


@pytest.mark.parametrize("source", [True, 3, 1.5, [], {}, None])
def test_a_source_that_is_not_a_path_is_refused(source: object) -> None:
    with pytest.raises(ValidationError, match="should be a path"):
        PointingSettings(source=source)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://[::1/x", "is not a URL: its host or port is invalid"),
        ("http://", "names no host"),
        ("https:///x", "names no host"),
        ("http://h:abc", "is not a URL: its host or port is invalid"),
        ("http://h:99999/", "is not a URL: its host or port is invalid"),
        ("http://me:se/cret@h/", r"http://\*\*\*@h/. is not a URL: its host or port is invalid"),
        ("http://host name/x", "contains blanks"),
        ("gopher://x/y", "should be a URL that starts with http"),
    ],
)
def test_an_invalid_url_is_refused(url: str, why: str) -> None:
    for name in ("source", "server"):
        with pytest.raises(ValidationError, match=why):
            PointingSettings(**{name: url})


def test_a_scheme_may_be_written_in_capitals() -> None:
    assert PointingSettings(server="HTTPS://example.org/x").server == "HTTPS://example.org/x"


@pytest.mark.parametrize("server", [b"http://x", (1,), 3, True])
def test_a_server_is_a_url_or_a_client(server: object) -> None:
    with pytest.raises(ValidationError, match="should be a URL"):
        PointingSettings(server=server)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ValidationError, match="should be the path of a file"):
        RegistrationSettings(target="a\0b")
    with pytest.raises(ValidationError, match="should be the path of a file, not ''"):
        RegistrationSettings(target="")


@pytest.mark.parametrize("target", [True, 3, 1.5, [1, 2]])
def test_a_target_that_is_not_a_grid_is_refused(target: object) -> None:
    with pytest.raises(ValidationError, match="should be the path of a FITS image"):
        RegistrationSettings(target=target)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"conserve": "flux"}, "brightness"),
        ({"fill": "0"}, "number"),
        ({"force": 1}, "bool"),
        ({"force": "yes"}, "bool"),
        ({"method": 3}, "string"),
    ],
)
def test_types_are_strict(options: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        RegistrationSettings(**options)


def test_fill_may_be_an_integer() -> None:
    assert RegistrationSettings(fill=0).fill == 0.0
    assert math.isnan(RegistrationSettings().fill)


def test_a_path_in_a_recipe_is_relative_to_the_recipes_folder() -> None:
    settings = PointingSettings.model_validate({"source": "t.csv"}, context={"folder": Path("/recipes")})
    assert settings.source == Path("/recipes/t.csv")
    absolute = PointingSettings.model_validate({"source": "/x/t.csv"}, context={"folder": Path("/recipes")})
    assert absolute.source == Path("/x/t.csv")
    target = RegistrationSettings.model_validate({"target": "ref.fits"}, context={"folder": Path("/recipes")})
    assert target.target == Path("/recipes/ref.fits")


def test_settings_are_described_in_one_line_without_folders() -> None:
    assert RegistrationSettings().describe() == "method=bicubic, conserve=brightness, fill=nan, force=False"
    assert "clip=True, force=False" in RegistrationSettings(clip=True).describe()
    described = PointingSettings(source=Path("/home/me/größe.csv")).describe()
    assert described.startswith("source=gr")
    assert "/home" not in described
    assert len(described.splitlines()) == 1
    assert PointingSettings(source=Table({"a": [1, 2]})).describe().startswith("source=<Table>, ")
    image = CCDData(np.zeros((2, 2)), unit="DN")
    assert "target=<CCDData>" in RegistrationSettings(target=image).describe()
    assert ExposureSettings().describe() == ""


def test_a_path_given_as_a_string_is_described_like_a_path() -> None:
    assert PointingSettings(source="/home/me/t.csv").describe() == PointingSettings(source=Path("t.csv")).describe()


# -- the digest ----------------------------------------------------------------------------------


class TableSettings(StepSettings):
    table: Any
    folder: Annotated[Any, RECORDED_BY_NAME] = None
    timeout: Annotated[float, UNRECORDED] = 1.0


def test_the_fingerprint_depends_on_the_content_of_a_file_and_not_on_its_folder(tmp_path: Path) -> None:
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(text)
    a, b, c = (TableSettings(table=tmp_path / folder / "t.csv").fingerprint() for folder in "abc")
    assert a == b != c


def test_a_file_that_cannot_be_read_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*none\.csv: No such file or directory\. Check the path"):
        TableSettings(table=tmp_path / "none.csv").fingerprint()


def test_an_object_that_cannot_be_pickled_has_no_fingerprint() -> None:
    with pytest.raises(SettingsError, match=r"cannot pickle a lock .*; save it to a file and give the path instead"):
        TableSettings(table=threading.Lock()).fingerprint()


def test_a_setting_recorded_by_name_is_neither_opened_nor_required_to_exist(tmp_path: Path) -> None:
    settings = TableSettings(table=1, folder=tmp_path / "spikes" / "{FSN}.fits", timeout=3.0)
    assert settings.fingerprint() == settings.describe() == "table=1, folder={FSN}.fits"
