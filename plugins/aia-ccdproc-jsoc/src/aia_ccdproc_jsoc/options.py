"""Record sets for those who do not know the queries of DRMS: a time, a duration, an interval and channels."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from aia_ccdproc import HeaderError, ReadError
from aia_ccdproc.images import parse_time
from aia_ccdproc_jsoc.cutout import Cutout

__all__ = ["SERIES", "QueryOptions", "record_sets", "split_options"]

#: Series of the level-1 images of each channel.
SERIES: dict[int, str] = {
    **dict.fromkeys((94, 131, 171, 193, 211, 304, 335), "aia.lev1_euv_12s"),
    **dict.fromkeys((1600, 1700), "aia.lev1_uv_24s"),
    4500: "aia.lev1_vis_1h",
}
_NAMES = ("from", "for", "every", "channels")
#: Options of every query.
_COMMON = ("email", "cutout", "wait", "spikes")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\d+(\.\d+)?[smhd]", re.ASCII)


class QueryOptions(NamedTuple):
    """Options of every query."""

    email: str = ""
    cutout: Cutout | None = None
    #: Time limit for an export in seconds.
    wait: float = 3600.0
    #: Whether the spikes of each image are fetched, too.
    spikes: bool = False

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Read options.

        Parameters
        ----------
        options : mapping of str to str
            ``{"email": "me@example.org", "cutout": "-30,200,400,300", "wait": "2h"}``. The default of ``email`` is the
            environment variable JSOC_EMAIL.

        Returns
        -------
        `QueryOptions`
            The options.

        Raises
        ------
        ReadError
            If an option is unknown, or its value is wrong.
        """
        unknown = [name for name in options if name not in _COMMON]
        if unknown:
            raise ReadError(f"unknown option {unknown[0]!r} for JSOC; available: {', '.join(_COMMON)}")
        email = options.get("email", os.environ.get("JSOC_EMAIL", "")).strip()
        if email and not re.fullmatch(r"[^\s@]+@[^\s@]+", email):
            raise ReadError(f"email = {email!r} is not an address. Give one that is registered at JSOC")
        wait = options.get("wait", "1h").strip()
        if not _DURATION.fullmatch(wait):
            raise ReadError(f"wait = {wait!r} is not a duration. Give one such as 30m or 3h")
        cutout = Cutout.parse(options["cutout"]) if "cutout" in options else None
        spikes = options.get("spikes", "no")
        if spikes not in ("yes", "no"):
            raise ReadError(f"spikes = {spikes!r} is neither yes nor no")
        return cls(email, cutout, float(wait[:-1]) * _SECONDS[wait[-1]], spikes == "yes")


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """Separate the options of every query from those that make a record set.

    Parameters
    ----------
    text : str
        ``"from=2019-01-01&channels=171&email=me@example.org"``.

    Returns
    -------
    query : str
        ``"from=2019-01-01&channels=171"``.
    options : dict of str to str
        ``{"email": "me@example.org"}``.
    """
    pairs = parse_qsl(text, keep_blank_values=True)
    query = urlencode([pair for pair in pairs if pair[0] not in _COMMON], safe=",:")
    return query, {name: value for name, value in pairs if name in _COMMON}


def record_sets(text: str) -> list[str]:
    """Make the record sets of AIA level-1 images, one for each series.

    Parameters
    ----------
    text : str
        ``"from=2019-01-01&for=1h&every=5m&channels=171,193"``. Times are UTC; durations have the units s, m, h or d.
        Without ``for``, the record at that time; without ``every``, all records.

    Returns
    -------
    list of str
        ``["aia.lev1_euv_12s[2019-01-01T00:00:00Z/1h@5m][171,193]"]``.

    Raises
    ------
    ReadError
        If a value is missing or wrong.
    """
    values = {name: value.strip() for name, value in parse_qsl(text, keep_blank_values=True)}
    unknown = [name for name in values if name not in _NAMES]
    if unknown:
        raise ReadError(f"unknown {unknown[0]!r} in the query {text!r}; available: {', '.join((*_NAMES, *_COMMON))}")
    missing = [name for name in ("from", "channels") if not values.get(name)]
    if missing:
        raise ReadError(f"{missing[0]!r} is missing in the query {text!r}")
    try:
        time = f"{parse_time(values['from']).isot[:19]}Z"
    except HeaderError:
        raise ReadError(f"from = {values['from']!r} is not a time. Give one such as 2019-01-01T12:00") from None
    if values.get("every") and not values.get("for"):
        raise ReadError(f"'every' needs 'for' in the query {text!r}")
    for name, sign in (("for", "/"), ("every", "@")):
        if values.get(name):
            if not _DURATION.fullmatch(values[name]):
                raise ReadError(f"{name} = {values[name]!r} is not a duration. Give one such as 12s, 5m, 1h or 1d")
            time += sign + values[name]
    channels: dict[str, list[str]] = {}
    for channel in values["channels"].split(","):
        wavelength = channel.strip().lstrip("0")
        if not wavelength.isdecimal() or int(wavelength) not in SERIES:
            raise ReadError(f"{channel.strip()!r} is not a channel of AIA: {', '.join(map(str, SERIES))}")
        channels.setdefault(SERIES[int(wavelength)], []).append(wavelength)
    return [f"{series}[{time}][{','.join(wanted)}]" for series, wanted in channels.items()]
