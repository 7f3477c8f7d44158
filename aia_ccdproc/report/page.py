"""A batch as one page of HTML that needs nothing but itself."""

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

from aia_ccdproc.report.data import STATUSES, median_seconds, status_totals, utc_text
from aia_ccdproc.report.quicklook import title_of
from aia_ccdproc.report.results import BatchInfo, FileResult

__all__ = ["render_page"]

#: How many colours the style sheet has for parts of the work.
_COLOURS = 8
_CHANNEL = re.compile(r"\b(\d+) Å")


def render_page(info: BatchInfo, results: Sequence[FileResult]) -> str:
    """Write a batch as a page: totals, and a table that can be filtered and sorted.

    Parameters
    ----------
    info : `~aia_ccdproc.report.results.BatchInfo`
        What is true of the batch.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        What became of each file.

    Returns
    -------
    str
        HTML. Its policy lets nothing run but its own script, and nothing be loaded.
    """
    style, script = _part("page.css"), _part("page.js")
    totals, medians = status_totals(results), median_seconds(results)
    parts = list(dict.fromkeys(part for result in results for part in result.seconds))
    longest = max((_total(result.seconds) for result in results), default=0.0)
    return Template(_part("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}",
        title=escape(f"{info.recipe}: {_outcome(info, totals)}"),
        style=style,
        script=script,
        recipe=escape(info.recipe),
        outcome=escape(_outcome(info, totals)),
        mood="bad" if totals["failed"] or info.interrupted else "good",
        when=escape(utc_text(info.started).replace("T", " ").replace("Z", " UTC")),
        where=escape(str(info.output_dir)),
        how=escape(_how(info)),
        share=_bar({s: totals[s] for s in STATUSES}, totals["files"], {s: s for s in STATUSES}, "files"),
        figures=_figures(info, totals, medians),
        medians=_medians(medians, parts),
        steps="".join(map(_step, info.steps)),
        digest=escape(info.digest),
        versions="".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in info.versions.items()),
        chips="".join(_chip(name, totals[key]) for name, key in [("all", "files"), *((s, s) for s in STATUSES)]),
        count=_files(totals["files"]),
        rows="\n".join(_row(index, result, parts, longest) for index, result in enumerate(results)),
    )


@functools.cache
def _part(name: str) -> str:
    return (importlib.resources.files("aia_ccdproc.report") / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _outcome(info: BatchInfo, totals: Mapping[str, int]) -> str:
    files, failed = totals["files"], totals["failed"]
    said = f"{failed} of {_files(files)} failed" if failed else f"{_files(files)}, none failed"
    return f"interrupted, {said}" if info.interrupted else said


def _how(info: BatchInfo) -> str:
    jobs = "1 job" if info.jobs == 1 else f"{info.jobs} jobs"
    return f"{jobs} on {info.scheduler}" if info.scheduler else jobs


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _figures(info: BatchInfo, totals: Mapping[str, int], medians: Mapping[str, float]) -> str:
    """Lay out the numbers that are looked for first."""
    rate = totals["done"] / info.seconds if info.seconds > 0 else 0.0
    shown: list[tuple[str, str, str]] = [
        (status, str(totals[status]), status if totals[status] else "none") for status in STATUSES
    ]
    shown += [("in all", _duration(info.seconds), ""), ("files per second", f"{rate:.3g}", "")]
    if medians:
        slowest = max(medians, key=lambda part: medians[part])
        shown.append((f"slowest: {slowest}", _duration(medians[slowest]), ""))
    return "".join(f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{value}</dd></div>' for name, value, kind in shown)


def _medians(medians: Mapping[str, float], parts: Sequence[str]) -> str:
    """Draw where the time goes, with the legend to the bars of the files."""
    if not medians:
        return "<p>Nothing was written, so nothing was timed.</p>"
    legend = "".join(
        f'<div><dt><i class="{_colour(part, parts)}"></i>{escape(part)}</dt><dd>{_duration(seconds)}</dd></div>'
        for part, seconds in medians.items()
    )
    colours = {part: _colour(part, parts) for part in medians}
    return f'{_bar(medians, _total(medians), colours, "s")}<dl class="legend">{legend}</dl>'


def _colour(part: str, parts: Sequence[str]) -> str:
    return f"part{parts.index(part) % _COLOURS}"


def _total(seconds: Mapping[str, float]) -> float:
    return sum(value for value in seconds.values() if math.isfinite(value))


def _bar(values: Mapping[str, float], whole: float, colours: Mapping[str, str], unit: str) -> str:
    """Draw numbers as a bar; SVG, for the page's policy allows no style in an attribute."""
    pieces, start, scale = [], 0.0, 100 / whole if whole > 0 else 0.0
    for name, value in values.items():
        if math.isfinite(value) and value > 0:
            text = f"{name}: {value:.3g} {unit}"
            place = f'x="{start:.2f}" width="{value * scale:.2f}" height="10"'
            pieces.append(f'<rect class="{colours[name]}" {place}><title>{escape(text)}</title></rect>')
            start += value * scale
    said = escape(", ".join(f"{name} {value:.3g} {unit}" for name, value in values.items()))
    frame = 'class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"'
    return f'<svg {frame} aria-label="{said}">{"".join(pieces)}</svg>'


def _step(step: tuple[str, str, str | None]) -> str:
    use, settings, plugin = step
    by = f" <small>by {escape(plugin)}</small>" if plugin else ""
    return f"<li><b>{escape(use)}</b>{by} <span>{escape(settings)}</span></li>"


def _chip(name: str, count: int) -> str:
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


def _row(index: int, result: FileResult, parts: Sequence[str], longest: float) -> str:
    titles = [title_of(picture) if picture else "" for picture in (result.before, result.after)]
    found = _CHANNEL.search(titles[0] or titles[1])
    channel, seconds = found[1] if found else "", _total(result.seconds)
    record = result.pointing.get("record", "")
    bar = _bar(result.seconds, longest, {part: _colour(part, parts) for part in result.seconds}, "s") if seconds else ""
    cells = {
        "pictures": _picture(result.before, "before", titles[0]) + _picture(result.after, "after", titles[1]),
        "file": _file(result),
        "status": f'<span class="{result.status}">{result.status}</span>',
        "channel": f"{channel} Å" if channel else "",
        "seconds": f"{_duration(seconds)}{bar}" if seconds else "",
        "pointing": _pointing(result.pointing),
    }
    keys = {
        "index": str(index),
        "file": str(result.path),
        "status": result.status,
        "channel": channel,
        "seconds": f"{seconds:.6f}" if seconds else "",
        "pointing": record,
    }
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in keys.items())
    inner = "".join(f'<td role="cell" class="{name}">{content}</td>' for name, content in cells.items())
    return f'<tr role="row" {data}>{inner}</tr>'


def _picture(picture: bytes, name: str, title: str) -> str:
    if not picture:
        return ""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    said = escape(f"{name}: {title}" if title else name)
    source = f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
    return f'<img src="{source}" alt="{said}" title="{said}" decoding="async" loading="lazy">'


def _file(result: FileResult) -> str:
    """Say all of a file that has no column of its own."""
    folder, name = str(result.path.parent), result.path.name
    said = [f'<div class="name"><bdi>{escape(name)}</bdi></div><div class="folder"><bdi>{escape(folder)}</bdi></div>']
    if result.error:
        said.append(f'<pre class="error">{escape(result.error)}</pre>')
    if result.reason:
        said.append(f'<p class="reason">{escape(result.reason)}</p>')
    said += [f'<p class="warning">{escape(text)}</p>' for text in result.warnings]
    further = {
        "output": "" if result.output is None else str(result.output),
        "quick look": "" if result.quicklook is None else str(result.quicklook),
        "input SHA-256": result.input_hash,
        "output SHA-256": result.output_hash,
        "worker": result.worker,
        "peak memory": f"{result.peak_memory / 2**20:.0f} MiB" if result.peak_memory else "",
    }
    rows = "".join(f"<dt>{key}</dt><dd><bdi>{escape(value)}</bdi></dd>" for key, value in further.items() if value)
    return "".join(said) + (f"<details><summary>more</summary><dl>{rows}</dl></details>" if rows else "")


def _pointing(pointing: Mapping[str, str]) -> str:
    names = ("record", "source", "start", "hash")
    shown = [(name, pointing[name]) for name in names if pointing.get(name)]
    return "".join(f'<div class="{name}" title="{name}">{escape(str(value))}</div>' for name, value in shown)
