"""The HTML report of a batch: one page that contains everything it needs."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from aia_ccdproc.errors import pluralize
from aia_ccdproc.report.data import STATUSES, median_seconds, status_totals, utc_text
from aia_ccdproc.report.results import BatchInfo, FileResult, format_rate
from aia_ccdproc.report.thumbnail import read_caption

__all__ = ["render_page"]

#: Number of colors that the style sheet defines for the parts of the work.
_PART_COLORS = 8
_CHANNEL = re.compile(r"\b(\d+) Å")


def render_page(info: BatchInfo, results: Sequence[FileResult]) -> str:
    """Render the report of a batch as a page: totals, times, and a table that can be filtered and sorted.

    Parameters
    ----------
    info : `~aia_ccdproc.report.results.BatchInfo`
        The batch as a whole.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The result of each file.

    Returns
    -------
    str
        HTML. Its content security policy allows only the page's own script and style, and loads nothing.
    """
    style, script = _read_asset("page.css"), _read_asset("page.js")
    totals, medians = status_totals(results), median_seconds(results)
    parts = list(dict.fromkeys(part for result in results for part in result.seconds))
    longest = max((_total_seconds(result.seconds) for result in results), default=0.0)
    outcome = escape(_outcome(info, totals))
    return Template(_read_asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {_csp_hash(style)}; script-src {_csp_hash(script)}",
        title=f"{escape(info.recipe)}: {outcome}",
        style=style,
        script=script,
        recipe=escape(info.recipe),
        outcome=outcome,
        outcome_class="bad" if totals["failed"] or info.interrupted else "good",
        started=escape(utc_text(info.started).replace("T", " ").replace("Z", " UTC")),
        workers=escape(_workers(info)),
        folder=escape(str(info.output_dir)),
        shares=_bar_svg({s: totals[s] for s in STATUSES}, totals["files"], {s: s for s in STATUSES}, "files"),
        figures=_figures_html(info, totals, medians),
        medians=_medians_html(medians, parts),
        steps="".join(map(_step_html, info.steps)),
        digest=escape(info.digest),
        versions="".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in info.versions.items()),
        filters="".join(
            _filter_button_html(name, totals[key]) for name, key in [("all", "files"), *((s, s) for s in STATUSES)]
        ),
        count=pluralize(totals["files"], "file"),
        rows="\n".join(_row_html(index, result, parts, longest) for index, result in enumerate(results)),
    )


@functools.cache
def _read_asset(name: str) -> str:
    return (importlib.resources.files("aia_ccdproc.report") / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _outcome(info: BatchInfo, totals: Mapping[str, int]) -> str:
    files, failed = totals["files"], totals["failed"]
    count = pluralize(files, "file")
    outcome = f"{failed} of {count} failed" if failed else f"{count}, none failed"
    return f"interrupted, {outcome}" if info.interrupted else outcome


def _workers(info: BatchInfo) -> str:
    if info.scheduler:
        return f"workers of {info.scheduler}"
    return pluralize(info.jobs, "worker")


def _figures_html(info: BatchInfo, totals: Mapping[str, int], medians: Mapping[str, float]) -> str:
    """Return the most important numbers as a description list."""
    rate = format_rate(totals["done"], info.seconds)
    figures: list[tuple[str, str, str]] = [
        (status, str(totals[status]), status if totals[status] else "none") for status in STATUSES
    ]
    figures += [("total time", _duration(info.seconds), ""), ("files per second", rate, "")]
    if medians:
        slowest = max(medians, key=lambda part: medians[part])
        figures.append((f"slowest: {slowest}", _duration(medians[slowest]), ""))
    return "".join(
        f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{value}</dd></div>' for name, value, kind in figures
    )


def _medians_html(medians: Mapping[str, float], parts: Sequence[str]) -> str:
    """Return the median time of each part as a bar, and the legend of this bar and of the bars of the files."""
    if not medians:
        return "<p>No file was written in this run, so there are no times.</p>"
    legend = "".join(
        f'<div><dt><i class="{_part_class(part, parts)}"></i>{escape(part)}</dt><dd>{_duration(seconds)}</dd></div>'
        for part, seconds in medians.items()
    )
    classes = {part: _part_class(part, parts) for part in medians}
    return f'{_bar_svg(medians, _total_seconds(medians), classes, "s")}<dl class="legend">{legend}</dl>'


def _part_class(part: str, parts: Sequence[str]) -> str:
    return f"part{parts.index(part) % _PART_COLORS}"


def _total_seconds(seconds: Mapping[str, float]) -> float:
    return sum(value for value in seconds.values() if math.isfinite(value))


def _bar_svg(values: Mapping[str, float], whole: float, classes: Mapping[str, str], unit: str) -> str:
    """Return numbers as a stacked bar. It is an SVG because the page's policy forbids style attributes."""
    pieces, start, scale = [], 0.0, 100 / whole if whole > 0 else 0.0
    for name, value in values.items():
        if math.isfinite(value) and value > 0:
            text = f"{name}: {value:.3g} {unit}"
            place = f'x="{start:.2f}" width="{value * scale:.2f}" height="10"'
            pieces.append(f'<rect class="{classes[name]}" {place}><title>{escape(text)}</title></rect>')
            start += value * scale
    label = escape(", ".join(f"{name} {value:.3g} {unit}" for name, value in values.items()))
    frame = 'class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"'
    return f'<svg {frame} aria-label="{label}">{"".join(pieces)}</svg>'


def _step_html(step: tuple[str, str, str | None]) -> str:
    use, settings, plugin = step
    chosen = f" <small>plugin {escape(plugin)}</small>" if plugin else ""
    return f"<li><b>{escape(use)}</b>{chosen} <span>{escape(settings)}</span></li>"


def _filter_button_html(name: str, count: int) -> str:
    pressed = "true" if name == "all" else "false"
    return f'<button type="button" data-status="{name}" aria-pressed="{pressed}">{name} <b>{count}</b></button>'


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _row_html(index: int, result: FileResult, parts: Sequence[str], longest: float) -> str:
    captions = [read_caption(picture) if picture else "" for picture in (result.before, result.after)]
    match = _CHANNEL.search(captions[0] or captions[1])
    channel = match[1] if match else ""
    seconds = _total_seconds(result.seconds)
    classes = {part: _part_class(part, parts) for part in result.seconds}
    bar = _bar_svg(result.seconds, longest, classes, "s") if seconds else ""
    cells = {
        "pictures": _picture_html(result.before, "before", captions[0])
        + _picture_html(result.after, "after", captions[1]),
        "file": _file_html(result),
        "status": f'<span class="{result.status}">{result.status}</span>',
        "channel": f"{channel} Å" if channel else "",
        "seconds": f"{_duration(seconds)}{bar}" if seconds else "",
        "pointing": _pointing_html(result.pointing),
    }
    sort_keys = {
        "index": str(index),
        "file": str(result.path),
        "status": result.status,
        "channel": channel,
        "seconds": f"{seconds:.6f}" if seconds else "",
        "pointing": result.pointing.get("record", ""),
    }
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in sort_keys.items())
    content = "".join(f'<td role="cell" class="{name}">{html}</td>' for name, html in cells.items())
    return f'<tr role="row" {attributes}>{content}</tr>'


def _picture_html(picture: bytes, name: str, caption: str) -> str:
    if not picture:
        return ""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    text = escape(f"{name}: {caption}" if caption else name)
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    return f'<img src="{source}" alt="{text}" title="{text}" decoding="async" loading="lazy">'


def _file_html(result: FileResult) -> str:
    """Return everything about a file that has no column of its own."""
    folder, name = str(result.path.parent), result.path.name
    pieces = [f'<div class="name"><bdi>{escape(name)}</bdi></div><div class="folder"><bdi>{escape(folder)}</bdi></div>']
    if result.error:
        pieces.append(f'<pre class="error">{escape(result.error)}</pre>')
    if result.traceback:
        trace = f'<pre class="error">{escape(result.traceback)}</pre>'
        pieces.append(f"<details><summary>traceback</summary>{trace}</details>")
    if result.reason:
        pieces.append(f'<p class="reason">{escape(result.reason)}</p>')
    pieces += [f'<p class="warning">{escape(text)}</p>' for text in result.warnings]
    details = {
        "output": "" if result.output is None else str(result.output),
        "quick look": "" if result.quicklook is None else str(result.quicklook),
        "input SHA-256": result.input_hash,
        "output SHA-256": result.output_hash,
        "worker": result.worker,
        "peak memory": f"{result.peak_memory / 2**20:.0f} MiB" if result.peak_memory else "",
    }
    rows = "".join(f"<dt>{key}</dt><dd><bdi>{escape(value)}</bdi></dd>" for key, value in details.items() if value)
    if rows:
        pieces.append(f"<details><summary>details</summary><dl>{rows}</dl></details>")
    return "".join(pieces)


def _pointing_html(pointing: Mapping[str, str]) -> str:
    names = ("record", "source", "start", "hash")
    present = [(name, pointing[name]) for name in names if pointing.get(name)]
    return "".join(f'<div class="{name}" title="{name}">{escape(str(value))}</div>' for name, value in present)
