"""Imported by the server that worker processes are forked from, and by nobody else.

What all of them need is imported here once, plugins as well. The server leaves the group of the process that started
it, and so do the workers: Ctrl-C, and a SIGTERM to the group, are for the batch to see to, which lets its workers
finish what they have in hand.
"""

import contextlib
import os
import warnings

with contextlib.suppress(OSError):
    os.setpgid(0, 0)

import aia_ccdproc.batch.worker  # noqa: F401
from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin.manager import installed_plugins

with warnings.catch_warnings(), contextlib.suppress(PluginError):  # said where the batch was started
    warnings.simplefilter("ignore")
    installed_plugins()  # for its imports; each worker, whose environment may be another, makes its own
