"""The cache of machine code on disk."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import llvmlite.binding as llvm
from astropy.config import get_cache_dir

if TYPE_CHECKING:
    from aia_ccdproc_cubic.machine_code import MachineCode

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["CodeCache", "target_processor"]

_log = logging.getLogger("aia_ccdproc")
#: The folder is also used for numba's own cache.
_FOLDER_VARIABLE = "NUMBA_CACHE_DIR"
#: Time after which a process no longer waits for another one that compiles the same functions.
_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.05


class CodeCache:
    """The machine code of a module of loops.

    Parameters
    ----------
    module : str
        Name of the module.
    """

    def __init__(self, module: str) -> None:
        self.module = module

    def get(self) -> MachineCode:
        """Return the machine code. Compile it if it is not on disk, or is damaged there.

        Two processes do not compile at the same time: the second one waits for the first.

        Returns
        -------
        `~aia_ccdproc_cubic.machine_code.MachineCode`
            The machine code.
        """
        name = f"{self.module.rpartition('.')[2]}-{_digest(self.module)}.bin"
        code = _read(name)
        if code is not None:
            return code
        folder = _writable_folder()
        with _lock(folder):
            code = _read(name)  # another process may have compiled it meanwhile
            if code is None:
                code = self._compile(folder)
                if folder is not None:
                    _write(folder / name, code.to_bytes())
        return code

    def _compile(self, folder: Path | None) -> MachineCode:
        why = "once on this machine" if folder else f"since no cache folder is writable ({_FOLDER_VARIABLE} sets one)"
        _announce(why)
        from aia_ccdproc_cubic.compilation import compile_loops

        return compile_loops(self.module)


@functools.cache  # once for all modules of this process
def _announce(why: str) -> None:
    _log.warning("compiling the loops of aia-ccdproc-cubic, %s; this takes about half a minute", why)


def target_processor() -> tuple[str, str]:
    """Return the processor for which loops are compiled.

    Returns
    -------
    tuple of str
        LLVM's name of the processor and its features: those of this machine, unless numba's environment variables
        ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` give others.
    """
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    return (
        name or llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten() if features is None else features,
    )


def _digest(module: str) -> str:
    """Return a digest of everything on which machine code depends: source, compilers, processor."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    sources = sorted(origin.parent.glob("*.py")) if spec.submodule_search_locations else [origin]
    digest = hashlib.sha256()
    for path in [Path(__file__).with_name("compilation.py"), *sources]:
        digest.update(path.read_bytes())
    target = (llvm.get_process_triple(), *target_processor())
    digest.update(repr((version("numba"), version("llvmlite"), *target)).encode())
    return digest.hexdigest()[:16]


def _folders() -> list[Path]:
    """Return the folders in which machine code can be."""
    chosen = os.environ.get(_FOLDER_VARIABLE)
    if chosen:
        return [Path(chosen)]
    folders = [Path(__file__).parent / "__pycache__"]
    with suppress(OSError):
        folders.append(Path(get_cache_dir()) / "aia_ccdproc" / "machine_code")
    return folders


def _read(name: str) -> MachineCode | None:
    from aia_ccdproc_cubic.machine_code import MachineCode

    for folder in _folders():
        with suppress(OSError):
            code = MachineCode.from_bytes((folder / name).read_bytes())
            if code is not None:
                return code
    return None


def _writable_folder() -> Path | None:
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return None


def _write(path: Path, content: bytes) -> None:
    """Write a file at once. Do nothing if the disk is full."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _lock(folder: Path | None) -> Iterator[None]:
    """Lock a folder. The system removes the lock when the process ends, however it ends."""
    descriptor = None
    if fcntl is not None and folder is not None:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            _wait_for_lock(descriptor)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _wait_for_lock(descriptor: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
        else:
            return
