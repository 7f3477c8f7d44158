"""The rows of the table of files in the HTML report."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote_from_bytes

from aia_ccdproc.report.cells import corrected_html, limb_html, observed_html, record_html
from aia_ccdproc.report.corrections import Corrections, corrections
from aia_ccdproc.report.durations import format_duration, part_class, total_seconds
from aia_ccdproc.report.plots import channel_label
from aia_ccdproc.report.results import FileResult
from aia_ccdproc.report.svg import bar_svg

__all__ = ["SORT_KEYS", "Table"]

#: Numbers by which the table can be sorted, in their order in the attribute ``data-sort``.
SORT_KEYS = ("channel", "exposure", "quality", "pointing", "shift", "roll", "limb", "seconds")
#: Number of digits of a hash that are shown. The JSON report has all of them.
_HASH_DIGITS = 16


@dataclass(frozen=True)
class Table:  # numpydoc ignore=PR02
    """What the rows have in common.

    Parameters
    ----------
    parts : sequence of str
        The parts of the work, in the order of their colors.
    longest : float
        Time of the file that took longest, in seconds.
    input_folder : `~pathlib.Path`, optional
        Folder of most inputs, which the rows need not repeat.
    folder : `~pathlib.Path`, optional
        Folder of the page, from which links start; without it, there are no links.
    """

    parts: Sequence[str]
    longest: float
    input_folder: Path | None = None
    folder: Path | None = None

    def row_html(self, index: int, result: FileResult) -> str:
        """Render the row of a file.

        Parameters
        ----------
        index : int
            Number of the file in the batch.
        result : `~aia_ccdproc.FileResult`
            Its result.

        Returns
        -------
        str
            HTML.
        """
        corrected = corrections(result.geometry)
        cells = {
            "pictures": _pictures_html(result),
            "file": self._file_html(result),
            "observed": observed_html(result),
            "corrected": corrected_html(corrected),
            "limb": limb_html(result.limb),
            "record": record_html(result.pointing),
            "status": self._status_html(result),
        }
        numbers = "|".join("" if n is None else f"{n:.5g}" for n in _sort_numbers(result, corrected))
        warns = " data-warns" if result.warnings else ""
        # The end tags of cells and rows may be omitted. Of 5000 files they would be 0.2 MB.
        content = "".join(f'<td class="{name}">{html}' for name, html in cells.items())
        return f'<tr data-index="{index}" data-status="{result.status}" data-sort="{numbers}"{warns}>{content}'

    def _file_html(self, result: FileResult) -> str:
        """Return everything about a file that has no column of its own."""
        pieces = [f'<p class="name"><bdi>{escape(result.path.name)}</bdi></p>']
        if result.path.parent != self.input_folder:
            pieces.append(f'<p class="folder"><bdi>{escape(str(result.path.parent))}</bdi></p>')
        links = ((result.output, "output"), (result.quicklook, "quick look"))
        linked = " ".join(self._link(path, text) for path, text in links if path is not None)
        if linked:
            pieces.append(f'<p class="links">{linked}</p>')
        if result.error:
            pieces.append(f'<pre class="error">{escape(result.error)}</pre>')
        if result.traceback:
            trace = f'<pre class="error">{escape(result.traceback)}</pre>'
            pieces.append(f"<details><summary>traceback</summary>{trace}</details>")
        if result.reason:
            pieces.append(f'<p class="reason">{escape(result.reason)}</p>')
        pieces += [f'<p class="warning">{escape(text)}</p>' for text in result.warnings]
        details = {
            "SHA-256 of input": result.input_hash[:_HASH_DIGITS],
            "of output": result.output_hash[:_HASH_DIGITS],
            "of pointing table": result.pointing.get("hash", ""),
            "worker": result.worker,
            "peak memory": f"{result.peak_memory / 2**20:.0f} MiB" if result.peak_memory else "",
        }
        lines = "<br>".join(f"{key} <bdi>{escape(value)}</bdi>" for key, value in details.items() if value)
        if lines:
            pieces.append(f"<details><summary>details</summary>{lines}</details>")
        return "".join(pieces)

    def _link(self, path: Path, text: str) -> str:
        if self.folder is None:
            return ""
        return f'<a href="{_relative_url(path, self.folder)}">{text}</a>'

    def _status_html(self, result: FileResult) -> str:
        seconds = total_seconds(result.seconds)
        time = ""
        if seconds:
            classes = {part: part_class(part, self.parts) for part in result.seconds}
            time = f"<p>{format_duration(seconds)}</p>{bar_svg(result.seconds, self.longest, classes, 's')}"
        return f'<p class="{result.status}">{result.status}</p>{time}'


def _relative_url(path: Path, folder: Path) -> str:
    """Return the URL of a file relative to a folder. Every character that has a meaning in a URL is quoted."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive of Windows
        return escape(path.absolute().as_uri())
    return quote_from_bytes(os.fsencode(relative.replace(os.sep, "/")))


def _sort_numbers(result: FileResult, corrected: Corrections) -> list[float | None]:
    seconds = total_seconds(result.seconds)
    limb = result.limb
    return [
        result.observation.get("channel"),
        result.observation.get("exposure"),
        result.observation.get("quality"),
        None if corrected.pointing is None else math.hypot(*corrected.pointing),
        None if corrected.shift is None else math.hypot(*corrected.shift),
        None if corrected.roll is None else abs(corrected.roll),
        math.hypot(limb["x"], limb["y"]) if "x" in limb and "y" in limb else None,
        seconds or None,
    ]


def _pictures_html(result: FileResult) -> str:
    """Return both pictures, one above the other: they blink while the pointer is on them, and a click enlarges them."""
    caption = ", ".join(filter(None, (channel_label(result), result.observation.get("time", "")[:19])))
    pictures = [(result.after, "after", f"after: {caption}"), (result.before, "before", "before")]
    images = "".join(_picture_html(*each) for each in pictures if each[0])
    kind = "blink pair" if result.before and result.after else "blink"
    return f'<button type="button" class="{kind}">{images}</button>' if images else ""


def _picture_html(picture: bytes, name: str, text: str) -> str:
    kind = "webp" if picture.startswith(b"RIFF") else "png" if picture.startswith(b"\x89PNG") else "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    return f'<img class="{name}" src="{source}" alt="{escape(text)}">'
