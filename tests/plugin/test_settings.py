"""Settings: schema, defaults and one line for HISTORY."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from astropy.table import Table
from pydantic import ValidationError

from aia_ccdproc.plugin import StepSettings
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.steps.settings import ExposureSettings, RegistrationSettings

MODELS = (PointingSettings, RegistrationSettings, ExposureSettings)


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_has_a_default_and_says_what_it_means(model: type[StepSettings]) -> None:
    for field in model.model_fields.values():
        assert not field.is_required()
        assert field.description.endswith(".")
    model()


@pytest.mark.parametrize("model", MODELS)
def test_a_setting_that_is_none_is_refused(model: type[StepSettings]) -> None:
    with pytest.raises(ValidationError, match="colour"):
        model(colour="red")


def test_settings_cannot_be_changed_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RegistrationSettings().method = "bilinear"


@pytest.mark.parametrize("source", [True, 3, 1.5, [], {}, None])
def test_a_source_that_is_no_path_is_refused(source: object) -> None:
    with pytest.raises(ValidationError, match="should be a path"):
        PointingSettings(source=source)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://[::1/x", "is no URL: Invalid IPv6 URL"),
        ("http://", "names no host"),
        ("https:///x", "names no host"),
        ("http://h:abc", "is no URL: Port could not be cast"),
        ("http://h:99999/", "is no URL: Port out of range"),
        ("http://host name/x", "holds blanks"),
        ("gopher://x/y", "should be a URL that starts with http"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str, why: str) -> None:
    for name in ("source", "server"):
        with pytest.raises(ValidationError, match=why):
            PointingSettings(**{name: url})


def test_a_scheme_may_be_written_in_capitals() -> None:
    assert PointingSettings(server="HTTPS://example.org/x").server == "HTTPS://example.org/x"


@pytest.mark.parametrize("server", [b"http://x", (1,), 3, True])
def test_a_server_is_a_url_or_a_client(server: object) -> None:
    with pytest.raises(ValidationError, match="should be a URL"):
        PointingSettings(server=server)


def test_an_empty_name_is_no_file() -> None:
    with pytest.raises(ValidationError, match="should be the name of a file"):
        RegistrationSettings(target="a\0b")
    with pytest.raises(ValidationError, match="should be the name of a file, and is empty"):
        RegistrationSettings(target="")


@pytest.mark.parametrize("target", [True, 3, 1.5, [1, 2]])
def test_a_target_that_is_no_grid_is_refused(target: object) -> None:
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


def test_a_whole_number_does_for_fill() -> None:
    assert RegistrationSettings(fill=0).fill == 0.0
    assert math.isnan(RegistrationSettings().fill)


def test_a_path_in_a_recipe_is_relative_to_the_recipes_folder() -> None:
    settings = PointingSettings.model_validate({"source": "t.csv"}, context={"folder": Path("/recipes")})
    assert settings.source == Path("/recipes/t.csv")
    absolute = PointingSettings.model_validate({"source": "/x/t.csv"}, context={"folder": Path("/recipes")})
    assert absolute.source == Path("/x/t.csv")
    target = RegistrationSettings.model_validate({"target": "ref.fits"}, context={"folder": Path("/recipes")})
    assert target.target == Path("/recipes/ref.fits")


def test_settings_are_described_on_one_line_without_folders() -> None:
    assert RegistrationSettings().describe() == "method=bicubic, conserve=brightness, fill=nan, force=False"
    described = PointingSettings(source=Path("/home/me/größe.csv")).describe()
    assert described.startswith("source=gr")
    assert "/home" not in described
    assert len(described.splitlines()) == 1
    assert PointingSettings(source=Table({"a": [1, 2]})).describe().startswith("source=<Table>, ")
    image = CCDData(np.zeros((2, 2)), unit="DN")
    assert "target=<CCDData>" in RegistrationSettings(target=image).describe()
    assert ExposureSettings().describe() == ""


def test_a_path_given_as_text_is_described_as_a_path_is() -> None:
    assert PointingSettings(source="/home/me/t.csv").describe() == PointingSettings(source=Path("t.csv")).describe()
