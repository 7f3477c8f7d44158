"""Plots of a batch: pointing corrections and limb offsets over time, by channel."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from aia_ccdproc.report.corrections import corrections
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.report.svg import Point, plot_svg

__all__ = ["channel_label", "plots_html"]

#: Number of colors that the style sheet defines for channels.
_COLORS = 10
#: Values that differ from 0 only by rounding, in the unit of the plot.
_ROUNDING = 1e-9

#: A value and its error, or None.
_Value = tuple[float, float] | None


def _pointing(index: int) -> Callable[[FileResult], _Value]:
    def value(result: FileResult) -> _Value:
        pointing = corrections(result.geometry).pointing
        return None if pointing is None else (pointing[index], 0.0)

    return value


def _pointing_roll(result: FileResult) -> _Value:
    roll = corrections(result.geometry).pointing_roll
    return None if roll is None else (roll, 0.0)


def _limb(name: str) -> Callable[[FileResult], _Value]:
    def value(result: FileResult) -> _Value:
        limb = result.limb
        return (limb[name], limb.get(f"{name}_error", 0.0)) if name in limb else None

    return value


class _Plot(NamedTuple):
    title: str
    unit: str
    value: Callable[[FileResult], _Value]
    shows_zero: bool = True
    """Whether the plot is shown if all values are 0."""


_PLOTS = (
    _Plot("Pointing correction, x", "pixels", _pointing(0)),
    _Plot("Pointing correction, y", "pixels", _pointing(1)),
    _Plot("Roll correction", "degrees", _pointing_roll, shows_zero=False),
    _Plot("Limb offset, x", "arcsec", _limb("x")),
    _Plot("Limb offset, y", "arcsec", _limb("y")),
)


def channel_label(result: FileResult) -> str:
    """Return the instrument and the channel of a file.

    Parameters
    ----------
    result : `~aia_ccdproc.FileResult`
        The result of the file.

    Returns
    -------
    str
        ``"AIA 171 Å"``; empty if neither is known.
    """
    channel = result.observation.get("channel")
    parts = (result.observation.get("instrument", ""), "" if channel is None else f"{channel} Å")
    return " ".join(filter(None, parts))


def plots_html(results: Sequence[FileResult]) -> str:
    """Plot the corrections of a batch.

    Parameters
    ----------
    results : sequence of `~aia_ccdproc.FileResult`
        The results of the files.

    Returns
    -------
    str
        A section of the page; empty if there is nothing to plot.
    """
    timed = [(result, time) for result in results if (time := _seconds(result)) is not None]
    channels = sorted({(r.observation.get("channel") or 0, channel_label(r)) for r, _ in timed})
    colors = {label: f"channel{index % _COLORS}" for index, (_, label) in enumerate(channels)}
    figures, shown = [], set[str]()
    for title, unit, value, shows_zero in _PLOTS:
        series: dict[str, list[Point]] = {}
        for result, time in timed:
            if (measured := value(result)) is not None:
                series.setdefault(channel_label(result), []).append(Point(time, *measured))
        largest = max((abs(point.value) for points in series.values() for point in points), default=0.0)
        if series and (shows_zero or largest > _ROUNDING):
            shown.update(series)
            medians = {label: statistics.median(p.value for p in series[label]) for label in colors if label in series}
            text = ", ".join(f"{label} {median:.3g}" for label, median in medians.items())
            svg = plot_svg({colors[label]: series[label] for label in medians}, f"{title}, {unit}. Medians: {text}")
            figures.append(f"<figure><figcaption>{title} <small>{unit}</small></figcaption>{svg}</figure>")
    if not figures:
        return ""
    legend = "".join(
        f'<span><i class="{color}"></i>{escape(label)}</span>' for label, color in colors.items() if label in shown
    )
    note = "pointing: by the record minus by the header of level 1; limb: measured in the pixels; time in UTC"
    return (
        f'<section aria-labelledby="plots"><h2 id="plots">Corrections over time <small>{note}</small></h2>'
        f'<div class="channels">{legend}</div><div class="plots">{"".join(figures)}</div></section>'
    )


def _seconds(result: FileResult) -> float | None:
    """Return the time of an exposure as seconds since 1970."""
    try:
        time = datetime.datetime.fromisoformat(result.observation.get("time", ""))
    except ValueError:
        return None
    return time.replace(tzinfo=datetime.UTC).timestamp()
