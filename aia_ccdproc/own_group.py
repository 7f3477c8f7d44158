"""Imported first by the server that worker processes are forked from, and by nobody else.

The server leaves the group of the process that started it, and so do the workers: Ctrl-C, and a SIGTERM to the group,
are for the batch to see to, which lets its workers finish what they have in hand.
"""

import contextlib
import os

with contextlib.suppress(OSError):
    os.setpgid(0, 0)
