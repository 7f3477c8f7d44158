"""Warnings of this package name the line of the user's code, through whichever public function they are issued."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.nddata import CCDData
from documents import ROOT

import aia_ccdproc
from aia_ccdproc.errors import PrepWarning
from aia_ccdproc.synthetic import Exposure, Sun

SOURCES = sorted([*ROOT.glob("aia_ccdproc/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")])


def image() -> CCDData:
    """Make an image with a PSF, which registration drops."""
    ccd = Exposure(channel=171, corner=(1900, 1850), shape=(30, 32)).image(Sun())
    ccd.psf = np.ones((3, 3), dtype=np.float32)
    return ccd


def read() -> object:
    path = aia_ccdproc.write(image(), "infinite.fits")
    content = path.read_bytes()
    path.write_bytes(content.replace(np.array(image().data[5, 5], ">f4").tobytes(), b"\x7f\x80\0\0"))
    return aia_ccdproc.read(path)


def write() -> object:
    ccd = image()
    ccd.data = ccd.data.astype(float)
    ccd.data[3, 3] = 1e300
    return aia_ccdproc.write(ccd, "too_large.fits")


def register() -> object:
    return aia_ccdproc.register(image())


def register_onto_a_header() -> object:
    ccd, header = image(), image().header
    ccd.psf = None
    del header["CUNIT1"], header["CUNIT2"]
    return aia_ccdproc.register(ccd, target=header, force=True)


def prep() -> object:
    return aia_ccdproc.prep(image(), aia_ccdproc.Recipe.from_toml('[[step]]\nuse = "register"\n'))


def prep_with_a_step_of_ccdproc() -> object:
    ccd = image()
    ccd.psf, ccd.flags = None, np.zeros(ccd.shape, dtype=np.int16)
    recipe = '[[step]]\nuse = "ccdproc.trim_image"\nfits_section = "[1:20, 1:20]"\n'
    return aia_ccdproc.prep(ccd, aia_ccdproc.Recipe.from_toml(recipe))


def update_pointing() -> object:
    ccd = image()
    ccd.header["T_OBS"] = "2011-01-01T00:00:00Z"
    return aia_ccdproc.update_pointing(ccd, source=aia_ccdproc.synthetic.builtin_pointing_path(), on_missing="keep")


def to_map() -> object:
    pytest.importorskip("sunpy.map")
    return aia_ccdproc.to_map(image())


def _map() -> object:
    pytest.importorskip("sunpy.map")
    ccd = image()
    ccd.psf = None
    image_map = aia_ccdproc.to_map(ccd)
    image_map.meta["listed"] = [1, 2]
    return image_map


def from_map() -> object:
    return aia_ccdproc.from_map(_map())


def register_a_map() -> object:
    return aia_ccdproc.register(_map())


def register_a_sequence() -> object:
    from sunpy.map import MapSequence

    return aia_ccdproc.register(MapSequence(_map()))


def deprecated_name() -> object:
    return aia_ccdproc.StepSettings


def deprecated_argument() -> object:
    return aia_ccdproc.run([], output_dir=".", observer=aia_ccdproc.Progress())


@pytest.mark.parametrize(
    "call",
    [
        read,
        write,
        register,
        register_onto_a_header,
        prep,
        prep_with_a_step_of_ccdproc,
        update_pointing,
        to_map,
        from_map,
        register_a_map,
        register_a_sequence,
        deprecated_name,
        deprecated_argument,
    ],
)
def test_a_warning_names_the_line_of_the_user(
    call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    ours = [warning for warning in caught if issubclass(warning.category, PrepWarning)]
    assert len(ours) == 1
    assert ours[0].filename == __file__
    code = call.__code__
    assert code.co_firstlineno < ours[0].lineno <= max(line for *_, line in code.co_lines() if line)


def test_every_warning_is_issued_by_the_function_that_finds_the_line() -> None:
    calling = {path.name for path in SOURCES if re.search(r"\bwarnings\.warn\w*\(", path.read_text(encoding="utf-8"))}
    assert calling == {"errors.py", "contract.py"}  # the latter issues warnings again that it has recorded
