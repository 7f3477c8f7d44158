"""Processes that run many cases of a campaign, bounded in time and memory, and the watch over what the package does.

A case may end with a result or with an error of ours. A case has a problem if another exception or warning escapes, if
something is printed, if a file is written outside the case's output folder (and the folder of temporary files, which
must be empty afterward), if another machine is contacted, or if the case needs more than `MAX_SECONDS` or `MAX_BYTES`.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from aia_ccdproc import FileResult

MAX_SECONDS = 10.0
MAX_BYTES = 2 * 2**30
MAX_MESSAGE_BYTES = 20_000
_START_SECONDS = 120.0
#: Environment in which the processes must be started: the core without plugins, and threads that reserve little memory.
ENVIRONMENT = {"AIA_CCDPROC_PLUGINS": "", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Audit events that change the file system; the arguments with these numbers are paths.
_CHANGES = {
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.utime": (0,),
}
_PROCESS_EVENTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "subprocess.Popen", "os.kill")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Problem(NamedTuple):
    """What a case showed that must not happen."""

    kind: str
    message: str


@dataclass
class Case:
    """One case of a campaign."""

    number: int
    #: The same random numbers whenever a case of this number is run with this seed.
    chance: random.Random
    #: Folder of the case, empty at its start.
    folder: Path
    #: Sends what was done to the input to the process of the test, which then knows it even if the case hangs.
    describe: Callable[[str], None]
    #: How the case ended, for the statistics.
    result: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def outputs(self) -> Path:
        """The only folder in which the package may write."""
        return self.folder / "out"

    def add(self, kind: str, message: object) -> None:
        """Record a problem."""
        self.problems.append(Problem(kind, str(message)))

    @contextmanager
    def watch(self, *writable: Path) -> Iterator[None]:
        """Run a block of calls of the package, and record every problem. An exception ends the block silently."""
        from aia_ccdproc import PrepError, PrepWarning

        start = time.monotonic()
        _guard.start(self, [self.outputs, Path(tempfile.gettempdir()), *writable])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except PrepError as error:
                self.result = type(error).__name__
                self._check_error(error)
            except (Exception, SystemExit) as error:
                self.result = "escaped"
                self.add(f"escaped {type(error).__name__}", f"{str(error)[:300]} [{_place(error)}]")
                self._check_error(error)
            finally:
                _guard.stop()
        for warning in caught:
            if not issubclass(warning.category, PrepWarning):
                place = f"{Path(warning.filename).name}:{warning.lineno}"
                self.add(f"warning {warning.category.__name__}", f"{warning.message} [{place}]")
        seconds = time.monotonic() - start
        if seconds > _limit_seconds():
            self.add("slow", f"{seconds:.1f} s")

    def check_result(self, result: FileResult) -> None:
        """Record a problem if the error of a file in a batch is not one of ours."""
        if result.traceback:
            self.add(f"escaped {result.error.partition(':')[0]}", f"{result.error} [batch] {result.traceback[-300:]}")
        if "MemoryError" in result.error:
            self.add("memory", result.error)

    def _check_error(self, error: BaseException) -> None:
        message = str(error)
        if any(isinstance(cause, MemoryError) for cause in _chain(error)):
            self.add("memory", f"{self.result} caused by MemoryError: {message[:300]}")
        if not message.strip() and self.result != "escaped":
            self.add("empty message", self.result)
        if len(message.encode(errors="replace")) > MAX_MESSAGE_BYTES:
            self.add("long message", f"{self.result}: {len(message)} characters: {message[:200]}")


def _limit_seconds() -> float:
    """Return the time limit of a case: longer while other processes occupy the machine."""
    return MAX_SECONDS * max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


class _Guard:
    """Audit hook: while it is on, files are written in the given folders only, and no other machine is contacted."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._writable: list[str] = []

    def start(self, case: Case, folders: Sequence[Path]) -> None:
        self._case, self._writable = case, [os.path.realpath(folder) for folder in folders]

    def stop(self) -> None:
        self._case = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        case = self._case
        if case is None:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITE_FLAGS and not isinstance(path, int):
                self._check_path(case, event, path)
        elif event in _CHANGES:
            for index in _CHANGES[event]:
                if not isinstance(arguments[index], int):
                    self._check_path(case, event, arguments[index])
        elif event in _PROCESS_EVENTS:
            case.add("starts a process", f"{event}{arguments}")
        elif event == "socket.connect":
            self._check_host(case, arguments[1])
        elif event == "socket.getaddrinfo" and arguments[0] not in (*_LOOPBACK, None):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def _check_path(self, case: Case, event: str, path: Any) -> None:
        absolute = os.path.realpath(os.fsdecode(path))
        if absolute == os.devnull or any(f"{absolute}/".startswith(f"{folder}/") for folder in self._writable):
            return
        case.add("writes outside", f"{event} {absolute}")
        raise PermissionError(f"the campaign does not permit {event} of {absolute}")

    def _check_host(self, case: Case, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOOPBACK:
            case.add("connects", f"{address}")
            raise OSError(f"the campaign does not permit a connection to {address}")


_guard = _Guard()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _place(error: BaseException) -> str:
    """Return the last lines of code that an exception passed: that of the package, and that which raised it."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [place for place in places if f"{os.sep}aia_ccdproc{os.sep}" in place[0]]
    return " < ".join(f"{Path(name).name}:{line}" for name, line in dict.fromkeys([places[-1], *own[-1:]]))


# -- in the worker process ---------------------------------------------------------------------------


CaseFunction = Callable[[Case], None]


def _serve(connection: Connection, function: CaseFunction, seed: int, folder: Path) -> None:
    """Run the cases whose numbers arrive, until None arrives."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    tempfile.tempdir = str(folder / "tmp")  # reproject makes folders there; they must be removed again
    Path(tempfile.tempdir).mkdir()
    printed = folder / "printed.txt"
    descriptor = os.open(printed, os.O_CREAT | os.O_RDWR | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    logging.getLogger("aia_ccdproc").addHandler(logging.NullHandler())
    logging.getLogger("aia_ccdproc").propagate = False
    sys.addaudithook(_guard)
    connection.send(None)
    while (number := connection.recv()) is not None:
        chance = random.Random(f"{seed}/{function.__module__}/{number}")
        case = Case(number, chance, folder / "case", describe=connection.send)
        shutil.rmtree(case.folder, ignore_errors=True)
        case.outputs.mkdir(parents=True)
        os.chdir(case.folder)
        sys.unraisablehook = lambda event, case=case: case.add("unraisable", repr(event.exc_value))
        try:
            function(case)
        except Exception as error:
            case.add(f"harness {type(error).__name__}", f"{error} [{_place(error)}]")
        sys.stdout.flush()
        sys.stderr.flush()
        if text := printed.read_text(errors="replace"):
            case.add("printed", text)
            os.truncate(printed, 0)
        if left := [path.name for path in Path(tempfile.tempdir).iterdir()]:
            case.add("left temporary files", left)
        if case.problems:
            shutil.copytree(
                case.folder, folder.parent / f"case-{number}", dirs_exist_ok=True, symlinks=True, ignore=_special_files
            )
        connection.send((case.result, case.problems))


def _special_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not (Path(folder, name).is_file() or Path(folder, name).is_dir())]


# -- in the process of the test ----------------------------------------------------------------------


class Outcome(NamedTuple):
    """The outcome of a case."""

    number: int
    description: str
    result: str
    problems: list[Problem]


class _Worker:
    """A process that runs cases, and that is replaced after it was killed."""

    def __init__(self, function: CaseFunction, seed: int, folder: Path) -> None:
        self._function, self._seed, self._folder = function, seed, folder
        self._process: Any = None

    def run(self, number: int) -> Outcome:
        if self._process is None:
            self._start()
        self._connection.send(number)
        description, start = "", time.monotonic()
        try:
            # A slow case that ends by itself is described better, so a process is killed after twice the limit.
            while (seconds := time.monotonic() - start) < 2 * _limit_seconds():
                if self._connection.poll(1):
                    received = self._connection.recv()
                    if not isinstance(received, str):
                        return Outcome(number, description, *received)
                    description = received
            problem = Problem("hang", f"no result within {seconds:.0f} s")
        except (EOFError, OSError):
            self._process.join()
            problem = Problem("died", f"exit code {self._process.exitcode}")
        self.stop()
        return Outcome(number, description, "killed", [problem])

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self._folder))
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._function, self._seed, folder)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(_START_SECONDS):
            raise RuntimeError("a worker of the campaign did not start")
        self._connection.recv()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None


def run_cases(function: CaseFunction, numbers: Iterable[int], seed: int, folder: Path, workers: int) -> list[Outcome]:
    """Run cases in processes of their own, each process many of them.

    The files of a case that has a problem are copied to ``folder / "case-<number>"``.
    """
    pending = iter(list(numbers))
    outcomes: list[Outcome] = []

    def work() -> None:
        worker = _Worker(function, seed, folder)
        try:
            for number in pending:
                outcomes.append(worker.run(number))
        finally:
            worker.stop()

    with ThreadPoolExecutor(workers) as threads:
        for future in [threads.submit(work) for _ in range(workers)]:
            future.result()
    return sorted(outcomes)


def summary(outcomes: Sequence[Outcome], examples: int = 3) -> str:
    """Describe how the cases ended, and their problems by kind, each with the shortest examples."""
    lines = [", ".join(f"{count} {result}" for result, count in Counter(o.result for o in outcomes).most_common())]
    groups: dict[tuple[str, str], list[tuple[Outcome, str]]] = {}
    for outcome in outcomes:
        for problem in dict.fromkeys(outcome.problems):
            groups.setdefault((problem.kind, _pattern(problem.message)), []).append((outcome, problem.message))
    for (kind, _), members in sorted(groups.items(), key=lambda item: -len(item[1])):
        numbers = sorted({outcome.number for outcome, _ in members})
        lines.append(f"{len(numbers)} x {kind}: {members[0][1][:400]}")
        for outcome, _ in sorted(members, key=lambda member: len(member[0].description))[:examples]:
            lines.append(f"      case {outcome.number}: {outcome.description[:300]}")
    return "\n".join(lines)


def _pattern(message: str) -> str:
    """Return a message without what differs between cases of the same kind."""
    message = re.sub(r"/\S*/", "", message)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+(\.\d+)?", "_", message)[:100]
