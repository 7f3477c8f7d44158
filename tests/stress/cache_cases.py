"""Damaged caches of pointing records and tables: the right values or an error of ours, but never wrong values."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from astropy.time import Time
from bounded import Case
from byte_damage import mutate_bytes
from jsoc_server import JsocServer, as_json_rows, run_jsoc_server

from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.sources import find_record
from aia_ccdproc.synthetic import builtin_pointing_path
from aia_ccdproc.tables import CalibrationTable, FetchCache
from aia_ccdproc.testing.tables import response_table

_SERIES = "aia.response"
_T_OBS = Time("2020-01-01T00:00:11.57")
_TIMEOUT_SECONDS = 2.0
_running = ExitStack()


def run_case(case: Case) -> None:
    """Fill a cache, damage its files, and ask again: with a server that answers, and with one that does not."""
    server = _server()
    cache = case.folder / "cache"
    (cache / "astropy").mkdir(parents=True)
    os.environ["XDG_CACHE_HOME"] = str(cache)
    name, ask = case.chance.choice(
        [
            ("pointing cache", functools.partial(_pointing, server.url, "auto")),
            ("pointing cache alone", functools.partial(_pointing, server.url, "cache")),
            ("copy of a series", functools.partial(_calibration, "jsoc", server.url)),
            (
                "download of a pointing table",
                functools.partial(_pointing, server.url, _file_url(server, "pointing.ecsv")),
            ),
            (
                "download of a calibration table",
                functools.partial(_calibration, _file_url(server, "table.csv"), server.url),
            ),
        ]
    )
    _answer(server)
    FetchCache.clear_all()
    fill = functools.partial(_pointing, server.url, "auto") if name == "pointing cache alone" else ask
    expected = fill()
    text = _damage(case.chance, cache)
    if server_fails := name.startswith("download") or case.chance.random() < 0.5:
        server.fail("404")
        server.files.clear()
    case.describe(f"{name}, {'server fails' if server_fails else 'server works'}: {text}")
    FetchCache.clear_all()
    found: list[Any] = []
    with case.watch(cache):
        found.append(ask())
    if found:
        case.result = "right value" if _equal(found[0], expected) else "wrong value"
    if case.result == "wrong value":
        case.add("wrong value", name)
    if case.result != "right value" and not server_fails and name != "pointing cache alone":
        case.add("not fetched again", f"{name}: {case.result}")


@functools.cache
def _server() -> JsocServer:
    return _running.enter_context(run_jsoc_server())


def _answer(server: JsocServer) -> None:
    server.recover()
    server.series[_SERIES] = as_json_rows(response_table())
    path = Path("table.csv")
    response_table().write(path, format="ascii.csv", overwrite=True)
    server.files = {"/pointing.ecsv": builtin_pointing_path().read_bytes(), "/table.csv": path.read_bytes()}
    path.unlink()


def _file_url(server: JsocServer, name: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def _pointing(server: str, source: str) -> Any:
    settings = PointingSettings.of(source=source, server=server, timeout=_TIMEOUT_SECONDS)
    return find_record(settings, _T_OBS, 94).record


def _calibration(source: str, server: str) -> Any:
    table = CalibrationTable.read(source, series=_SERIES, server=server, timeout=_TIMEOUT_SECONDS)
    return [table[name] for name in table.colnames]


def _equal(found: Any, expected: Any) -> bool:
    if not isinstance(expected, list):
        return bool(found == expected)
    if len(found) != len(expected):
        return False
    # The server gives DATE without fractions of a second, which an ECSV file keeps as text.
    return all(
        np.shape(a) == np.shape(b) and np.array_equal(_plain(a), _plain(b))
        for a, b in zip(found, expected, strict=True)
    )


def _plain(values: Any) -> Any:
    if isinstance(values, Time):
        return values.jd1 + values.jd2
    array = np.asarray(values)
    return np.nan_to_num(array, nan=-1e99) if array.dtype.kind == "f" else array


# -- damage ------------------------------------------------------------------------------------------


def _damage(chance: Random, cache: Path) -> str:
    """Damage one of the files of a cache."""
    path = chance.choice(sorted(path for path in cache.rglob("*") if path.is_file()))
    [(name, damage)] = chance.choices(list(_DAMAGE.items()), [weight for _, weight in _WEIGHTS])
    text = damage(chance, path)
    return f"{path.name}: {name} {text or ''}"


def _bytes(chance: Random, path: Path) -> str:
    content, text = mutate_bytes(chance, path.read_bytes())
    path.write_bytes(content)
    return text


def _digit(chance: Random, path: Path) -> str:
    """Change one digit: the file is still a valid table."""
    content = bytearray(path.read_bytes())
    position = chance.choice([index for index, byte in enumerate(content) if chr(byte).isdigit()] or [0])
    content[position : position + 1] = str(chance.randrange(10)).encode()
    path.write_bytes(content)
    return f"at {position}"


def _line(chance: Random, path: Path) -> str:
    """Remove, repeat or move a line."""
    lines = path.read_text(errors="replace").splitlines(keepends=True) or [""]
    index = chance.randrange(len(lines))
    removed = lines.pop(index)
    for _ in range(chance.choice([0, 1, 2])):
        lines.insert(chance.randint(0, len(lines)), removed)
    path.write_text("".join(lines))
    return f"{index}"


def _yaml(chance: Random, path: Path) -> str:
    """Put something hostile into the header of an ECSV file."""
    levels = "".join(f"#   - &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    nested = "[" * chance.choice([90, 5000]) + "]" * 5000
    new = chance.choice(
        [
            "# - !!python/object/apply:os.system ['touch pwned']\n",
            f"# meta:\n#   - &a0 [x]\n{levels}",
            f"# meta: {nested}\n",
            "# - !astropy.time.Time {format: isot, scale: utc}\n",
            "# - !astropy.units.Unit {unit: m**1e9}\n",
            "# datatype:\n# - {name: X, datatype: object}\n",
            "# - {name: T_START, datatype: float128}\n",
            "# delimiter: ','\n",
            "# meta: !!omap\n# - {fetched: 'never'}\n# - {digest: 1}\n",
            "#\t\tx: y\n",
            "# schema: astropy-9.0\n",
        ]
    )
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    lines.insert(chance.randint(min(1, len(lines)), min(5, len(lines))), new)
    path.write_text("".join(lines))
    return repr(new[:60])


def _content(chance: Random, path: Path) -> str:
    contents = [
        b"",
        b"\0" * 10**6,
        chance.randbytes(10**5),
        b"<html>maintenance</html>",
        b"# %ECSV 1.0\n",
        b"a,b\n" + b"1,2\n" * 10**5,
    ]
    content = chance.choice(contents)
    path.write_bytes(content)
    return repr(content[:20])


def _folder(chance: Random, path: Path) -> None:
    path.unlink()
    path.mkdir()
    if chance.random() < 0.5:
        (path / "x").touch()


def _loop(chance: Random, path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _pipe(chance: Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _missing(chance: Random, path: Path) -> None:
    path.unlink()


def _parent_is_file(chance: Random, path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("not a folder")


def _old(chance: Random, path: Path) -> str:
    seconds = chance.choice([0, 1, 2**31, 2**33, -1])
    os.utime(path, (seconds, seconds))
    return f"{seconds} s"


_DAMAGE: dict[str, Callable[[Random, Path], str | None]] = {
    "bytes": _bytes,
    "digit": _digit,
    "line": _line,
    "header": _yaml,
    "content": _content,
    "folder": _folder,
    "link to itself": _loop,
    "pipe": _pipe,
    "missing": _missing,
    "file in place of folder": _parent_is_file,
    "time": _old,
}
_WEIGHTS = list(zip(_DAMAGE, (8, 6, 4, 5, 3, 1, 1, 1, 1, 1, 1), strict=True))
