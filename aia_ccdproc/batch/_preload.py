"""Module that the forkserver imports before it forks worker processes; nothing else imports it.

It imports once what all workers need, plugins included. The server leaves the process group of the process that started
it, and its workers leave with it. Ctrl-C, and a SIGTERM to the group, then reach the batch only, which lets its workers
finish their files.
"""

import contextlib
import os
import warnings

with contextlib.suppress(OSError):
    os.setpgid(0, 0)

import aia_ccdproc.batch.worker  # noqa: F401
from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin.loading import load_chosen_plugins

with warnings.catch_warnings(), contextlib.suppress(PluginError):  # reported by the process that runs the batch
    warnings.simplefilter("ignore")
    load_chosen_plugins()  # for its imports. A worker may have another environment, so it loads its plugins again.
