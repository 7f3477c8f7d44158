"""Bars and plots as SVG."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Point", "bar_svg", "plot_svg"]

#: Size of a plot and its margins (left, right, bottom, top), in units that are about pixels on a screen.
_WIDTH, _HEIGHT = 380, 190
_LEFT, _RIGHT, _BOTTOM, _TOP = 58, 10, 24, 10
#: Factors of a power of ten between the labels of an axis.
_NICE = (1, 2, 5, 10)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Seconds between the labels of an axis of time.
_TIME_STEPS = (
    *(1, 2, 5, 10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(days * _DAY for days in (1, 2, 5, 10, 30, 60, 100, 200, 365, 730, 1826, 3652)),
)
_X_LABELS, _Y_LABELS = 4, 5
#: Number of points from which on they are drawn small.
_MANY = 400


class Point(NamedTuple):
    """A point of a plot."""

    time: float
    """Seconds since 1970, UTC."""
    value: float
    error: float = 0.0


def bar_svg(values: Mapping[str, float], whole: float, classes: Mapping[str, str], unit: str) -> str:
    """Draw numbers as a stacked bar.

    It is an SVG because the page's policy forbids style attributes.

    Parameters
    ----------
    values : mapping of str to float
        The numbers by name. Those that are not finite and positive are left out.
    whole : float
        The number that fills the bar.
    classes : mapping of str to str
        CSS class of each name.
    unit : str
        Unit of the numbers, for readers that do not see the bar.

    Returns
    -------
    str
        The SVG.
    """
    pieces, start, scale = [], 0.0, 100 / whole if whole > 0 else 0.0
    for name, value in values.items():
        if math.isfinite(value) and value > 0:
            end = start + value * scale
            pieces.append(f'<line class="{classes[name]}" x1="{start:.3g}%" x2="{end:.3g}%"/>')
            start = end
    label = escape(", ".join(f"{name} {value:.3g} {unit}" for name, value in values.items()))
    return f'<svg class="bar" role="img"><title>{label}</title>{"".join(pieces)}</svg>'


def plot_svg(series: Mapping[str, Sequence[Point]], label: str) -> str:
    """Plot values over time.

    Parameters
    ----------
    series : mapping of str to sequence of `Point`
        The points by CSS class; at least one point.
    label : str
        What the plot shows, for readers that do not see it.

    Returns
    -------
    str
        The SVG: one path for each series, so that thousands of points are fast.
    """
    points = [point for each in series.values() for point in each]
    times = _padded(min(p.time for p in points), max(p.time for p in points), 1.0)
    values = _padded(min(p.value - p.error for p in points), max(p.value + p.error for p in points), 1e-3)
    x_scale = (_WIDTH - _LEFT - _RIGHT) / (times[1] - times[0])
    y_scale = (_HEIGHT - _BOTTOM - _TOP) / (values[1] - values[0])

    def column(time: float) -> str:
        return f"{_LEFT + (time - times[0]) * x_scale:.1f}"

    def row(value: float) -> str:
        return f"{_TOP + (values[1] - value) * y_scale:.1f}"

    pieces = []
    for value, text in _value_labels(*values):
        kind = "zero" if value == 0 else "grid"
        pieces.append(f'<path class="{kind}" d="M{_LEFT} {row(value)}H{_WIDTH - _RIGHT}"/>')
        pieces.append(f'<text class="y" x="{_LEFT - 6}" y="{row(value)}">{text}</text>')
    for time, text in _time_labels(*times):
        pieces.append(f'<text class="x" x="{column(time)}" y="{_HEIGHT - 6}">{text}</text>')
        pieces.append(f'<path class="grid" d="M{column(time)} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
    for name, each in series.items():
        bars = "".join(f"M{column(p.time)} {row(p.value - p.error)}V{row(p.value + p.error)}" for p in each if p.error)
        if bars:
            pieces.append(f'<path class="error {name}" d="{bars}"/>')
        dots = "".join(f"M{column(p.time)} {row(p.value)}h0" for p in each)
        pieces.append(f'<path class="dots {name}" d="{dots}"/>')
    kind = "plot many" if len(points) > _MANY else "plot"
    return (
        f'<svg class="{kind}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(pieces)}</svg>"
    )


def _padded(low: float, high: float, smallest: float) -> tuple[float, float]:
    """Return the range of an axis, somewhat wider than that of the points."""
    pad = max(0.06 * (high - low), smallest / 2)
    return low - pad, high + pad


def _value_labels(low: float, high: float) -> list[tuple[float, str]]:
    rough = (high - low) / _Y_LABELS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor for factor in _NICE if factor * power >= rough * 0.999) * power
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    multiples = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(n * step, f"{n * step:.{digits}f}".replace("-", "\N{MINUS SIGN}")) for n in multiples]


def _time_labels(low: float, high: float) -> list[tuple[float, str]]:
    step = next((step for step in _TIME_STEPS if (high - low) / step <= _X_LABELS), _TIME_STEPS[-1])
    form = "%Y-%m-%d" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    labels: list[tuple[float, str]] = []
    for n in range(math.ceil(low / step), math.floor(high / step) + 1):
        time = datetime.datetime.fromtimestamp(n * step, datetime.UTC)
        is_midnight = step < _DAY and n * step % _DAY == 0
        labels.append((n * step, time.strftime("%Y-%m-%d" if is_midnight else form)))
    return labels
