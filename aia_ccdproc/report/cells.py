"""The cells of the table of files in the HTML report that show numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from aia_ccdproc.report.corrections import Corrections
from aia_ccdproc.report.plots import channel_label
from aia_ccdproc.report.results import FileResult

__all__ = ["corrected_html", "limb_html", "observed_html", "record_html"]

_MINUS = "\N{MINUS SIGN}"


def observed_html(result: FileResult) -> str:
    """Render when and how an image was observed.

    Parameters
    ----------
    result : `~aia_ccdproc.FileResult`
        The result of the file.

    Returns
    -------
    str
        HTML.
    """
    observation, exposure = result.observation, result.observation.get("exposure")
    date, _, clock = observation.get("time", "").partition("T")
    lines = [f"<b>{escape(channel_label(result))}</b>" if channel_label(result) else ""]
    if date:
        lines.append(f"{escape(date)} <time>{escape(clock[:11].removesuffix('.00'))}</time>")
    if exposure is not None:
        lines.append(f"{exposure:.4g} s")
    if (bits := observation.get("quality")) is not None:
        names = observation.get("quality_names") or ([] if not bits else [f"{bits:#x}"])
        lines.append(f'<span class="bits">{escape(", ".join(names))}</span>' if names else "quality good")
    return "".join(f"<p>{line}</p>" for line in lines if line)


def corrected_html(corrected: Corrections) -> str:
    """Render the corrections of an image.

    Parameters
    ----------
    corrected : `~aia_ccdproc.report.corrections.Corrections`
        The corrections.

    Returns
    -------
    str
        HTML.
    """
    lines = {
        "pointing": "" if corrected.pointing is None else f"{_pair(corrected.pointing)} px",
        "shift": "" if corrected.shift is None else f"{_pair(corrected.shift)} px",
        "roll": "" if corrected.roll is None else f"{_signed(corrected.roll, 3)}°",
        "scale": "" if corrected.scales is None else " → ".join(f"{scale:.5g}" for scale in corrected.scales) + "″",
    }
    return "".join(f"<p><i>{name}</i> {text}</p>" for name, text in lines.items() if text)


def limb_html(limb: Mapping[str, float]) -> str:
    """Render the limb that was measured in the pixels.

    Parameters
    ----------
    limb : mapping of str to float
        The numbers, as in `~aia_ccdproc.FileResult`.

    Returns
    -------
    str
        HTML.
    """
    lines = []
    for name, label in (("x", "x"), ("y", "y"), ("radius", "R")):
        if name in limb:
            error = limb.get(f"{name}_error")
            digits = 2 if error is None else min(4, max(0, 1 - math.floor(math.log10(error)))) if error > 0 else 2
            value = f"{limb[name]:.{digits}f}" if name == "radius" else _signed(limb[name], digits)
            text = value if error is None else f"{value} ± {error:.{digits}f}"
            lines.append(f"<p><i>{label}</i> {text}″</p>")
    return "".join(lines)


def _pair(numbers: tuple[float, float]) -> str:
    return ", ".join(_signed(number, 2) for number in numbers)


def _signed(number: float, digits: int) -> str:
    """Format a number with its sign. Zero has none."""
    text = f"{number:+.{digits}f}".replace("-", _MINUS)
    return text[1:] if not text.strip(f"+{_MINUS}0.") else text


def record_html(pointing: Mapping[str, str]) -> str:
    """Render the pointing record.

    Parameters
    ----------
    pointing : mapping of str to str
        The record, as in `~aia_ccdproc.FileResult`.

    Returns
    -------
    str
        HTML.
    """
    present = [pointing[name] for name in ("record", "source", "start") if pointing.get(name)]
    return "".join(f"<p>{escape(value.removesuffix('.000'))}</p>" for value in present)
