"""Times of the parts of the work, as the HTML report shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = ["format_duration", "part_class", "total_seconds"]

#: Number of colors that the style sheet defines for the parts of the work.
_PART_COLORS = 8


def part_class(part: str, parts: Sequence[str]) -> str:
    """Return the CSS class of a part of the work.

    Parameters
    ----------
    part : str
        The part.
    parts : sequence of str
        All parts.

    Returns
    -------
    str
        The class, which gives the color.
    """
    return f"part{parts.index(part) % _PART_COLORS}"


def total_seconds(seconds: Mapping[str, float]) -> float:
    """Add up the times of a file.

    Parameters
    ----------
    seconds : mapping of str to float
        Times by part, in seconds.

    Returns
    -------
    float
        The sum of the finite ones.
    """
    return sum(value for value in seconds.values() if math.isfinite(value))


def format_duration(seconds: float) -> str:
    """Format a duration for people.

    Parameters
    ----------
    seconds : float
        The duration.

    Returns
    -------
    str
        ``"12 ms"``, ``"1.23 s"``, ``"3 min 05 s"`` or ``"2 h 14 min"``.
    """
    if not math.isfinite(seconds):
        return "?"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
