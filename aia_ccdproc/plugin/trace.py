"""Log which distribution answers which hook, and how long it takes."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pluggy

__all__ = ["TRACE", "trace_hook_calls"]

#: Environment variable: any value but 0 switches the log on.
TRACE = "AIA_CCDPROC_TRACE"

_log = logging.getLogger("aia_ccdproc.trace")


def trace_hook_calls(manager: pluggy.PluginManager) -> None:
    """Log every hook call of a manager to standard error, if ``AIA_CCDPROC_TRACE`` is set.

    Parameters
    ----------
    manager : `pluggy.PluginManager`
        The manager.
    """
    if os.environ.get(TRACE, "0") in ("", "0"):
        return
    if not _log.handlers:
        _log.addHandler(logging.StreamHandler(sys.stderr))
        _log.setLevel(logging.INFO)
        _log.propagate = False
    starts: list[float] = []

    def before(hook: str, implementations: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]) -> None:
        starts.append(time.perf_counter())

    def after(
        outcome: pluggy.Result[Any], hook: str, implementations: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]
    ) -> None:
        milliseconds = 1000 * (time.perf_counter() - starts.pop())
        if not implementations:
            return
        names = ", ".join(each.plugin_name for each in reversed(implementations))
        if outcome.exception is not None:
            answer = f"raised {type(outcome.exception).__name__}"
        else:
            answer = "returned None" if outcome.get_result() in (None, []) else "answered"
        _log.info("%s: %s %s in %.1f ms", hook, names, answer, milliseconds)

    manager.add_hookcall_monitoring(before, after)
