"""Measure the wall time, the CPU time and the memory of a command and of all processes that it starts.

The command is started by ``python measured.py COMMAND...``. This process adopts the processes that outlive their
parent, such as the server from which worker processes are forked, and waits for them: their CPU time counts too.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Linux: orphans become children of the process that has set this option (prctl.h).
_PR_SET_CHILD_SUBREAPER = 36
_SAMPLING_SECONDS = 0.1


@dataclass(frozen=True)
class Usage:
    """What a command needed."""

    #: Wall time, s.
    wall: float
    #: User and system time of all processes, s.
    cpu: float
    #: Largest sum of the memory of all processes at one time, MiB. Pages of files, such as libraries, do not count.
    memory: float


def measure(command: Sequence[object], folder: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command in a folder and return what it needed. Raise CalledProcessError if it fails."""
    helper = [sys.executable, "-I", __file__, *map(str, command)]
    variables = {**os.environ, **(environment or {})}
    process = subprocess.run(helper, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if process.returncode:
        print(process.stderr, file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
    return Usage(**json.loads(process.stdout))


def main(command: Sequence[str]) -> int:
    """Run the command, print its usage as JSON, and return its exit code."""
    import resource

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True)
    peak = _MemoryPeak(process.pid)
    code = process.wait()
    wall = time.perf_counter() - start
    peak.stop()
    with suppress(ChildProcessError):  # no more children
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": peak.bytes / 2**20}))
    return code


class _MemoryPeak(threading.Thread):
    """Samples the memory of all processes of a session."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._session = session
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLING_SECONDS):
            self.bytes = max(self.bytes, _memory_of_session(self._session))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _memory_of_session(session: int) -> int:
    """Return the resident memory of all processes of a session without pages of files; 0 where /proc is missing."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            if os.getsid(int(folder.name)) == session:
                resident, of_files = (folder / "statm").read_text().split()[1:3]
                pages += int(resident) - int(of_files)
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
