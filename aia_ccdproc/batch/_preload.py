"""Module that only the forkserver imports, before it forks worker processes.

It imports once what all workers need, plugins included. The forkserver and its workers leave the process group of the
process that started them. Ctrl-C, and a SIGTERM to the group, therefore reach only the batch, which lets its workers
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
