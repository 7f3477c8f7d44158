"""Files that are there whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write to, and rename it when all is written.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file to make or to replace.

    Yields
    ------
    `~pathlib.Path`
        A hidden name in the same folder, with the same ending. If the block raises, it is removed and ``path``
        is what it was.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):  # what went wrong before it is what matters
            temporary.unlink(missing_ok=True)
