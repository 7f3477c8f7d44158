"""The pages of the documentation and their blocks of code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted(page for page in (ROOT / "docs").glob("*.rst") if "sg_" not in page.name),
    *sorted((ROOT / "docs" / "development").glob("*.rst")),
]
_MARKDOWN_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RST_BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:(?:   .*)?\n)+)", re.MULTILINE)
_FILE_NAME = re.compile(r"# (\S+\.(?:py|toml))\n")


class Block(NamedTuple):
    """A block of code on a page."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """Name of the file that the block shows, from its first line; empty for other blocks."""
        name = _FILE_NAME.match(self.text)
        return name[1] if name else ""


def page_name(page: Path) -> str:
    """Return the path of a page relative to the repository."""
    return str(page.relative_to(ROOT))


def find_blocks(page: Path) -> list[Block]:
    """Find the blocks of code of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    markdown = page.suffix == ".md"
    found = []
    for match in (_MARKDOWN_BLOCK if markdown else _RST_BLOCK).finditer(text):
        lines = match[2].splitlines()
        body = "\n".join(lines if markdown else [line.removeprefix("   ") for line in lines]).strip("\n")
        found.append(Block(match[1], body + "\n", text.count("\n", 0, match.start(2)) + 1))
    return found
