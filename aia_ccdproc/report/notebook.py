"""Tables for notebooks: the results of a batch, and the steps of a recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import SupportsIndex, overload

from aia_ccdproc.errors import pluralize
from aia_ccdproc.report.results import FileResult

__all__ = ["FileResults", "html_table"]

#: Number of files in the table of a batch, and of files that failed among them.
_MAX_ROWS = 30
_MAX_FAILED_ROWS = 20


class FileResults(list[FileResult]):
    """The results of a batch: a list that a notebook shows as a table."""

    def __repr__(self) -> str:
        counts = Counter(result.status for result in self)
        listed = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        return f"<{pluralize(len(self), 'file')}: {listed}>" if self else "<0 files>"

    @overload
    def __getitem__(self, index: SupportsIndex) -> FileResult: ...
    @overload
    def __getitem__(self, index: slice) -> FileResults: ...
    def __getitem__(self, index: SupportsIndex | slice) -> FileResult | FileResults:
        if isinstance(index, slice):
            return FileResults(super().__getitem__(index))
        return super().__getitem__(index)

    def _repr_html_(self) -> str:
        shown = self._shown()
        hidden = len(self) - len(shown)
        rows = [
            (
                result.status,
                result.path,
                "" if result.output is None else result.output,
                f"{sum(result.seconds.values()):.2f}" if result.seconds else "",
                "\n".join([*filter(None, (result.error, result.reason)), *result.warnings]),
            )
            for result in shown
        ]
        more = f"and {pluralize(hidden, 'more file')}" if hidden else ""
        header = ("status", "file", "output", "seconds", "error, reason or warnings")
        return html_table(repr(self).strip("<>"), header, rows, more)

    def _shown(self) -> list[FileResult]:
        """Return the results that are in the table: of a long batch, those that failed and the first others."""
        failed = [index for index, result in enumerate(self) if result.status == "failed"][:_MAX_FAILED_ROWS]
        others = [index for index, result in enumerate(self) if result.status != "failed"][: _MAX_ROWS - len(failed)]
        return [self[index] for index in sorted([*failed, *others])]


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Make a table for a notebook.

    Parameters
    ----------
    title : str
        Text above the table.
    header : sequence of str
        Names of the columns.
    rows : iterable of sequence of object
        The values.
    note : str
        Text below the table.

    Returns
    -------
    str
        HTML in which all texts are escaped.
    """
    head = "".join(f"<th>{_escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_escape(value)}</td>' for value in row)}</tr>" for row in rows)
    below = f"<div>{_escape(note)}</div>" if note else ""
    return f"<div>{_escape(title)}</div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _escape(value: object) -> str:
    """Escape a text. Characters that are not valid in UTF-8, as in the names of some files, are replaced."""
    text = escape(str(value)).encode("utf-8", "replace").decode("utf-8")
    return text.replace("\n", "<br>")
