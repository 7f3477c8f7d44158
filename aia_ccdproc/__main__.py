"""Entry point of ``aia-prep``, and of ``python -m aia_ccdproc``, which is the same."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import threading

from aia_ccdproc.parallel import DEFAULT_HANDLERS, exit_on_signal

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run ``aia-prep``.

    Parameters
    ----------
    arguments : list of str, optional
        The arguments of the command line; by default those of the process.

    Returns
    -------
    int
        The exit code, as `aia_ccdproc.cli.main.main` returns it.
    """
    atexit.register(gc.freeze)  # the search for garbage at exit takes as long as the registration of an image
    handlers = DEFAULT_HANDLERS.items() if threading.current_thread() is threading.main_thread() else ()
    replaced = {number: default for number, default in handlers if signal.getsignal(number) is default}
    for number in replaced:
        signal.signal(number, exit_on_signal)
    try:
        from aia_ccdproc.cli.main import main as run_command

        return run_command(arguments)
    finally:
        for number, default in replaced.items():
            signal.signal(number, default)


if __name__ == "__main__":
    sys.exit(main())
