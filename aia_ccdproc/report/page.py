"""The HTML report of a batch: one page that contains everything it needs."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from aia_ccdproc.errors import pluralize
from aia_ccdproc.report.data import STATUSES, median_seconds, status_totals, utc_text
from aia_ccdproc.report.durations import format_duration, part_class, total_seconds
from aia_ccdproc.report.plots import plots_html
from aia_ccdproc.report.results import BatchInfo, FileResult, format_rate
from aia_ccdproc.report.rows import SORT_KEYS, Table
from aia_ccdproc.report.svg import bar_svg

__all__ = ["render_page"]

#: Number of rows in each part of the table.
_GROUP = 20


def render_page(info: BatchInfo, results: Sequence[FileResult], folder: Path | None = None) -> str:
    """Render the report of a batch as a page: totals, times, plots, and a table that can be filtered and sorted.

    Parameters
    ----------
    info : `~aia_ccdproc.report.results.BatchInfo`
        The batch as a whole.
    results : sequence of `~aia_ccdproc.report.results.FileResult`
        The result of each file.
    folder : `~pathlib.Path`, optional
        Folder of the page, from which links to outputs start; without it, there are no links.

    Returns
    -------
    str
        HTML. Its content security policy allows only the page's own script and style, and loads nothing.
    """
    style, script = _read_asset("page.css"), _read_asset("page.js")
    totals, medians = status_totals(results), median_seconds(results)
    parts = list(dict.fromkeys(part for result in results for part in result.seconds))
    longest = max((total_seconds(result.seconds) for result in results), default=0.0)
    folders = Counter(result.path.parent for result in results).most_common(1)
    table = Table(parts, longest, folders[0][0] if folders else None, folder)
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
        folders=" · ".join(
            f"{name} <bdi>{escape(str(path))}</bdi>"
            for name, path in (("inputs in", table.input_folder), ("outputs in", info.output_dir))
            if path is not None
        ),
        shares=bar_svg({s: totals[s] for s in STATUSES}, totals["files"], {s: s for s in STATUSES}, "files"),
        figures=_figures_html(info, totals, medians),
        medians=_medians_html(medians, parts),
        plots=plots_html(results),
        steps="".join(map(_step_html, info.steps)),
        digest=escape(info.digest),
        versions="".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in info.versions.items()),
        filters="".join(
            _filter_button_html(name, totals[key]) for name, key in [("all", "files"), *((s, s) for s in STATUSES)]
        ),
        warnings=sum(bool(result.warnings) for result in results),
        sort_keys=" ".join(SORT_KEYS),
        columns=" ".join(_column_classes(results)),
        count=pluralize(totals["files"], "file"),
        group=_GROUP,
        input_folder=escape("" if table.input_folder is None else str(table.input_folder)),
        rows=_rows_html(table, results),
    )


def _rows_html(table: Table, results: Sequence[FileResult]) -> str:
    """Return the rows in groups. The browser skips groups that are not visible; it would be slow with single rows."""
    rows = [table.row_html(index, result) for index, result in enumerate(results)]
    groups = (rows[start : start + _GROUP] for start in range(0, len(rows), _GROUP))
    return "\n".join("\n".join(("<tbody>", *group, "</tbody>")) for group in groups)


@functools.cache
def _read_asset(name: str) -> str:
    return (importlib.resources.files("aia_ccdproc.report") / name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _column_classes(results: Sequence[FileResult]) -> list[str]:
    """Return the classes that hide columns without content."""
    present = {
        "pictures": any(result.before or result.after for result in results),
        "limb": any(result.limb for result in results),
    }
    return [f"no-{name}" for name, is_present in present.items() if not is_present]


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
    figures += [("total time", format_duration(info.seconds), ""), ("files per second", rate, "")]
    if medians:
        slowest = max(medians, key=lambda part: medians[part])
        figures.append((f"slowest: {slowest}", format_duration(medians[slowest]), ""))
    return "".join(
        f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{value}</dd></div>' for name, value, kind in figures
    )


def _medians_html(medians: Mapping[str, float], parts: Sequence[str]) -> str:
    """Return the median time of each part as a bar, and the legend of this bar and of the bars of the files."""
    if not medians:
        return "<p>No file was written in this run, so there are no times.</p>"
    classes = {part: part_class(part, parts) for part in medians}
    legend = "".join(
        f'<div><dt><i class="{classes[part]}"></i>{escape(part)}</dt><dd>{format_duration(seconds)}</dd></div>'
        for part, seconds in medians.items()
    )
    return f'{bar_svg(medians, total_seconds(medians), classes, "s")}<dl class="legend">{legend}</dl>'


def _step_html(step: tuple[str, str, str | None]) -> str:
    use, settings, plugin = step
    chosen = f" <small>plugin {escape(plugin)}</small>" if plugin else ""
    return f"<li><b>{escape(use)}</b>{chosen} <span>{escape(settings)}</span></li>"


def _filter_button_html(name: str, count: int) -> str:
    pressed = "true" if name == "all" else "false"
    return f'<button type="button" data-status="{name}" aria-pressed="{pressed}">{name} <b>{count}</b></button>'
