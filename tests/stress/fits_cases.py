"""Damaged FITS files through read, prep and write, alone and in a batch, and what the outputs must be."""

from __future__ import annotations

import functools
import gzip
import json
import math
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from bounded import Case
from byte_damage import damaged_fits
from fixtures import REAL_DATA
from raw_fits import card, join_fits, split_fits
from scenes import small_exposure, small_sun

from aia_ccdproc import FileResult, Pipeline, Recipe, read, run, write
from aia_ccdproc.images.repair import is_structure_card
from aia_ccdproc.synthetic import builtin_pointing_path

_SHAPE = (48, 64)
#: What astropy's WCS says of valid headers, too: it derives values, or prefers the newer of two keywords.
_USUAL_WARNINGS = ("'datfix' made the change 'Set ", "'obsfix' made the change 'Set OBSGEO-", "is deprecated, use ")
_METHODS = ("bicubic", "bicubic", "bilinear", "nearest-neighbor", "adaptive-hann")


def run_case(case: Case) -> None:
    """Damage a file, process it, and check what was written."""
    name, content, packed = case.chance.choice(_originals())
    damaged, text = damaged_fits(case.chance, content, packed)
    path = case.folder / f"damaged.fits{'.gz' if packed else ''}"
    path.write_bytes(damaged)
    case.describe(f"{name}: {text}")
    on_missing = "keep" if name.startswith("real") else "error"
    if case.number % 4 == 3:
        _run_batch(case, path, on_missing)
    else:
        _run_alone(case, path, on_missing)
    if path.read_bytes() != damaged:
        case.add("input changed", path.name)
    unexpected = {entry.name for entry in case.folder.iterdir()} - {path.name, "good.fits", "out"}
    if unexpected:
        case.add("left behind", sorted(unexpected))


def _run_alone(case: Case, path: Path, on_missing: str) -> None:
    method, rate = case.chance.choice(_METHODS), case.chance.random() < 0.5
    name, compression = case.chance.choice(
        [("a.fits", "none"), ("a.fits", "rice"), ("a.fits", "lossless"), ("a.fits.gz", "none")]
    )
    output = case.outputs / name
    with case.watch():
        image = read(path)
        pixels = image.data.copy()
        result = _pipeline(on_missing, method, rate)(image)
        if not np.array_equal(pixels, image.data, equal_nan=True):
            case.add("input changed", "pixels")
        write(result, output, compression=compression)
        case.result = "written"
    expected = {output} if case.result == "written" else set()
    _check_outputs(case, expected)


def _run_batch(case: Case, path: Path, on_missing: str) -> None:
    shutil.copyfile(_good_file(path.parent.parent), case.folder / "good.fits")
    report = case.outputs / "report.json"
    results: list[FileResult] = []
    with case.watch():
        results += run([case.folder / "good.fits", path], _selective_recipe(on_missing), case.outputs, report=[report])
    if not results:
        case.add("batch stopped", case.result)
        return
    good, damaged = results
    case.result = f"{damaged.status} in a batch"
    if good.status != "done":
        case.add("other file failed", f"{good.error} {good.reason}")
    case.check_result(damaged)
    json.loads(report.read_text(), parse_constant=_not_json)
    _check_outputs(case, {report, *(result.output for result in results if result.status == "done")})


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


@functools.cache
def _pipeline(on_missing: str, method: str, rate: bool) -> Pipeline:
    steps = [
        f'use = "update_pointing"\nsource = "{builtin_pointing_path().as_posix()}"\non_missing = "{on_missing}"',
        f'use = "register"\nmethod = "{method}"',
        *(['use = "normalize_exposure"'] if rate else []),
    ]
    return Pipeline(Recipe.from_toml("".join(f"[[step]]\n{step}\n" for step in steps)))


@functools.cache
def _selective_recipe(on_missing: str) -> Recipe:
    return Recipe.from_toml(
        f"""
        [select]
        TELESCOP = {{ not = "HMI" }}
        QUALITY = {{ reject_bits = 0x80000000 }}
        T_OBS = {{ min = 1900-01-01, max = 2100-01-01 }}
        instrument = {{ not = "HMI" }}
        [output]
        name = "{{WAVELNTH:04d}}/{{stem}}_{{T_OBS:%Y%m%dT%H%M%S}}_{{EXPTIME}}.fits"
        [[step]]
        use = "update_pointing"
        source = "{builtin_pointing_path().as_posix()}"
        on_missing = "{on_missing}"
        [[step.when]]
        EXPTIME = {{ min = 1000 }}
        skip = true
        [[step.when]]
        INSTRUME = "AIA_9*"
        DATE-OBS = {{ max = 2000-01-01 }}
        on_missing = "keep"
        [[step]]
        use = "register"
        """
    )


# -- the files that are damaged ----------------------------------------------------------------------


@functools.cache
def _good_file(folder: Path) -> Path:
    exposure = small_exposure(shape=_SHAPE, corner=(2040, 1980))
    return exposure.write_level1(exposure.image(small_sun(), noise=1), folder / "good.fits")


@functools.cache
def _originals() -> list[tuple[str, bytes, bool]]:
    """Return valid files, with the real ones where these exist: name, content, whether to gzip it."""
    exposure = small_exposure(shape=_SHAPE, corner=(2040, 1980))
    image = exposure.image(small_sun(), noise=1)
    rice = _content(lambda path: exposure.write_level1(image, path))
    integers = fits.PrimaryHDU(image.data.astype(np.int16), image.header)
    scaled = integers.copy()
    scaled.scale("int16", bscale=0.5, bzero=100)
    planes = fits.HDUList(
        [
            fits.PrimaryHDU(image.data, image.header),
            fits.ImageHDU((image.data > 500).astype(np.uint8), name="MASK"),
            fits.ImageHDU(np.sqrt(image.data + 1), fits.Header({"UTYPE": "StdDevUncertainty"}), name="UNCERT"),
            fits.ImageHDU(np.outer(np.hanning(9), np.hanning(9)), name="PSFIMAGE"),
        ]
    )
    plain, halves = _content(integers.writeto), _content(scaled.writeto)
    files = [
        ("plain", plain, False),
        ("plain", plain, False),
        ("rice", rice, False),
        ("rice", rice, False),
        ("gzip", plain, True),
        ("gzip of rice", rice, True),
        ("scaled", halves, False),
        ("float32", _content(fits.PrimaryHDU(image.data, image.header).writeto), False),
        ("planes", _content(planes.writeto), False),
    ]
    return [*files, *((name, content, False) for name, content in _real_cutouts())]


def _content(save: Any) -> bytes:
    path = Path("original.fits").absolute()
    save(path)
    content = path.read_bytes()
    path.unlink()
    return content


def _real_cutouts() -> list[tuple[str, bytes]]:
    """Cut small images out of real files. Their cards are kept as they are, the invalid ones included."""
    cutouts = []
    for path in sorted((REAL_DATA / "aia_level1").glob("*.fits")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = read(path)
        row, column = (max(0, (have - want) // 2) for have, want in zip(image.shape, _SHAPE, strict=True))
        data = np.nan_to_num(image.data[row : row + _SHAPE[0], column : column + _SHAPE[1]]).astype(">i2")
        raw = max((hdu.cards for hdu in split_fits(path.read_bytes())), key=len)
        structural = ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "CRPIX1", "CRPIX2")
        kept = [
            each for each in raw if not _is_structural(each) and each[:8].decode("latin-1").strip() not in structural
        ]
        [hdu] = split_fits(_content(fits.PrimaryHDU(data).writeto))
        hdu.cards += [
            card("CRPIX1", str(image.header["CRPIX1"] - column)),
            card("CRPIX2", str(image.header["CRPIX2"] - row)),
        ]
        hdu.cards += kept
        cutouts.append((f"real {path.name[:24]}", join_fits([hdu])))
    return cutouts


def _is_structural(raw: bytes) -> bool:
    keyword = raw[:8].decode("latin-1").strip()
    return not keyword.isidentifier() or is_structure_card(fits.Card(keyword, 1))


# -- what an output must be --------------------------------------------------------------------------


def _check_outputs(case: Case, expected: set[Path]) -> None:
    found = {path for path in case.outputs.rglob("*") if path.is_file()}
    if found != expected:
        case.add("outputs", f"{sorted(path.name for path in found ^ expected)} are too many or missing")
    for path in sorted(found & expected):
        if path.suffix != ".json":
            _check_output(case, path)


def _check_output(case: Case, path: Path) -> None:
    """Check that astropy reads an output without a warning, and that every card is valid FITS of a finite value."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path) as hdus:
                hdus.verify("exception")
                for hdu in hdus:
                    _check_hdu(case, hdu)
                compressed = hdus[0].data is None
            CCDData.read(path, hdu=1 if compressed else 0)
            with case.watch():
                image = read(path)
                if np.isinf(image.data).any():
                    case.add("output has infinite pixels", path.name)
        except Exception as error:
            case.add(f"unreadable output {type(error).__name__}", error)
    for warning in caught:
        message = str(warning.message)
        if not any(usual in message for usual in _USUAL_WARNINGS):
            case.add(f"output read with {warning.category.__name__}", message)
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for hdu in split_fits(content):
        for raw in hdu.cards:
            if not all(32 <= byte < 127 for byte in raw):
                case.add("output has a card that is not ASCII", raw)


def _check_hdu(case: Case, hdu: Any) -> None:
    for found in hdu.header.cards:
        if isinstance(found.value, float) and not math.isfinite(found.value):
            case.add("output has a card that is not finite", f"{found.keyword} = {found.value}")
        _ = found.comment
    if hdu.data is not None and hdu.data.dtype.kind == "f" and np.isinf(hdu.data).any():
        case.add("output has infinite pixels", hdu.name)
