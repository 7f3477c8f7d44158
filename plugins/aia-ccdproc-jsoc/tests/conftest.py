"""Fixtures: a local JSOC with an hour of small images in two channels, and this plugin without others."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time, TimeDelta
from jsoc_server import JsocServer, describe_keywords
from scenes import small_exposure, small_sun

from aia_ccdproc.tables import network

SERIES = "aia.lev1_euv_12s"
START = Time("2020-01-01T00:00:00")
EXPOSURE = small_exposure(shape=(40, 50), corner=(2040, 1980))


@pytest.fixture(autouse=True)
def _only_this_plugin(prep_manager: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Load this plugin and no other, and retry quickly."""
    prep_manager("aia-ccdproc-jsoc")
    monkeypatch.setattr(network, "_FIRST_PAUSE_SECONDS", 0.05)


def segment_bytes(pixels: np.ndarray, **options: object) -> bytes:
    """Return the file of a segment: compressed, and without the keywords of its record."""
    stream = io.BytesIO()
    image = fits.CompImageHDU(pixels, compression_type="RICE_1", **options)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(stream)
    return stream.getvalue()


@functools.cache
def hour_of_segments() -> list[bytes]:
    """Return the files of the segments of 24 records."""
    pixels = np.rint(EXPOSURE.image(small_sun()).data).astype(np.int16)
    return [segment_bytes(pixels + i) for i in range(24)]


@pytest.fixture
def archive(jsoc: JsocServer, monkeypatch: pytest.MonkeyPatch) -> JsocServer:
    """A local JSOC with 24 records: an hour in two channels, every five minutes."""
    known = {keyword: value for keyword, value in EXPOSURE.header().items() if not keyword.startswith("NAXIS")}
    kinds = {
        keyword: "string" if isinstance(value, str) else "int" if isinstance(value, int) else "double"
        for keyword, value in known.items()
        if keyword != "DATE-OBS"
    }
    kinds |= {"T_REC": "time", "T_OBS": "time", "DATE__OBS": "time", "FSN": "int", "ROI_SUM": "int"}
    jsoc.descriptions[SERIES] = describe_keywords({**kinds, "T_REC_step": "double"})
    segments = jsoc.descriptions[SERIES]["segments"]
    segments.append({**segments[0], "name": "spikes"})
    jsoc.records[SERIES] = []
    for i, segment in enumerate(hour_of_segments()):
        time = f"{(START + TimeDelta(i // 2 * 300, format='sec')).isot[:19]}"
        number = str(1000 + i)
        path = f"/SUM12/D{number}/S00000/image_lev1.fits"
        jsoc.files[path] = segment
        jsoc.records[SERIES].append(
            {
                **{keyword: str(known.get(keyword, "MISSING")) for keyword in kinds},
                "T_REC": f"{time}Z",
                "T_OBS": f"{time}.57Z",
                "DATE__OBS": f"{time}.12Z",
                "WAVELNTH": str((171, 193)[i % 2]),
                "QUALITY": "0x40000000",
                "FSN": str(5000 + i),
                "T_REC_step": "12.000000",
                "*recnum*": number,
                "{image}": path,
                "{spikes}": path.replace("image_lev1", "spikes"),
            }
        )
    monkeypatch.setenv("AIA_CCDPROC_JSOC", jsoc.url)
    return jsoc
