"""Tests of the page that explains messages: the code contains them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from documents import ROOT


def strings(path: Path) -> Iterator[str]:
    """Yield the strings of a module; a replacement field of an f-string is a zero character."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)


def test_every_message_of_the_page_on_troubleshooting_is_in_the_code() -> None:
    sources = [*(ROOT / "aia_ccdproc").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")]
    code = "\n".join(text for path in sources for text in strings(path))
    page = (ROOT / "docs" / "troubleshooting.rst").read_text(encoding="utf-8")
    messages = re.findall(r"^``(.+)``$", page, re.MULTILINE)
    assert len(messages) >= 25
    for message in messages:
        parts = [part.strip() for part in message.split("...")]
        assert max(map(len, parts)) >= 7, message
        assert [part for part in parts if part not in code] == [], message
