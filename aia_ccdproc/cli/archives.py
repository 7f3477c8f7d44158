"""Options of ``aia-prep run`` and ``aia-prep fetch`` for files of archives."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import typer

__all__ = [
    "ChannelsOption",
    "CutoutOption",
    "EmailOption",
    "EveryOption",
    "ForOption",
    "FromOption",
    "SpikesOption",
    "WaitOption",
    "archive_options",
    "images_query",
]

_PANEL = "Files of archives"


def _option(name: str, metavar: str, text: str, default: str | bool = False) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar=metavar, help=text, show_default=default, rich_help_panel=_PANEL
    )
    return option


FromOption = Annotated[str | None, _option("--from", "TIME", "AIA images of JSOC from this time on, UTC.")]
ForOption = Annotated[str | None, _option("--for", "DURATION", "Duration: 30m, 1h, 2d.", "one image")]
EveryOption = Annotated[str | None, _option("--every", "DURATION", "Interval: 36s, 5m.", "all images")]
ChannelsOption = Annotated[str | None, _option("--channels", "LIST", "Channels: 171,193.")]
EmailOption = Annotated[
    str | None, _option("--email", "ADDRESS", "Registered address, for files that are not online and for cutouts.")
]
WaitOption = Annotated[str | None, _option("--wait", "DURATION", "Time limit for such files: 30m, 3h.", "1h")]
CutoutOption = Annotated[
    str | None,
    _option("--cutout", "X,Y,W,H", "Field of view that JSOC cuts out, in arcsec; X,Y,W,H,track follows the Sun."),
]
SpikesOption = Annotated[
    bool, typer.Option("--spikes", help="Also fetch the spikes of each image, for respike.", rich_help_panel=_PANEL)
]


def images_query(start: str | None, duration: str | None, every: str | None, channels: str | None) -> list[str]:
    """Make an input of the options ``--from``, ``--for``, ``--every`` and ``--channels``; none if none is given."""
    options = _given({"from": start, "for": duration, "every": every, "channels": channels})
    return [f"jsoc:?{urlencode(options, safe=',:')}"] if options else []


def archive_options(email: str | None, wait: str | None, cutout: str | None, spikes: bool) -> dict[str, str]:
    """Return the options that are passed on to the plugins of archives."""
    return _given({"email": email, "wait": wait, "cutout": cutout, "spikes": "yes" if spikes else None})


def _given(options: dict[str, str | None]) -> dict[str, str]:
    """Return the options that are given."""
    return {name: value for name, value in options.items() if value is not None}
