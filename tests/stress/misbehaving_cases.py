"""Cases that do what must not happen, which the campaign has to notice. The number of a case chooses what it does."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
from bounded import MAX_BYTES, Case

from aia_ccdproc import ReadError


def run_case(case: Case) -> None:
    """Misbehave in the way that has the case's number."""
    name, misbehave = list(MISBEHAVIORS.items())[case.number]
    case.describe(name)
    with case.watch():
        misbehave(case)


def _behave(case: Case) -> None:
    (case.outputs / "output.fits").write_text("written")
    raise ReadError("an error of ours")


def _raise(case: Case) -> None:
    raise ValueError("not ours")


def _warn(case: Case) -> None:
    warnings.warn("not ours", RuntimeWarning, stacklevel=2)


def _print(case: Case) -> None:
    print("not asked for")


def _write_outside(case: Case) -> None:
    (case.folder / "outside").write_text("x")


def _rename_outside(case: Case) -> None:
    (case.outputs / "x").write_text("x")
    (case.outputs / "x").rename(case.folder / "x")


def _use_memory(case: Case) -> None:
    np.ones(MAX_BYTES, np.uint8)


def _hide_memory_error(case: Case) -> None:
    try:
        np.ones(MAX_BYTES, np.uint8)
    except MemoryError as error:
        raise ReadError("the file is damaged") from error


def _sleep(case: Case) -> None:
    time.sleep(60)


MISBEHAVIORS: dict[str, Callable[[Case], None]] = {
    "nothing": _behave,
    "escaped ValueError": _raise,
    "warning RuntimeWarning": _warn,
    "printed": _print,
    "writes outside": _write_outside,
    "writes outside, by a new name": _rename_outside,
    "memory": _use_memory,
    "memory, hidden by an error of ours": _hide_memory_error,
    "hang": _sleep,
}
