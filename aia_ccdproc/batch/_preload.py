"""Module that only the forkserver imports, before it forks worker processes.

It imports once what all workers need, plugins included. The forkserver and its workers leave the process group of the
process that started them. Ctrl-C, and a SIGTERM to the group, therefore reach only the batch, which lets its workers
finish their files.
"""

import gc
import os
import warnings
from contextlib import suppress


def _preload() -> None:
    import aia_ccdproc.batch.worker  # noqa: F401
    from aia_ccdproc.errors import PluginError
    from aia_ccdproc.plugin.loading import get_plugin_manager

    with warnings.catch_warnings(), suppress(PluginError):  # reported by the process that runs the batch
        warnings.simplefilter("ignore")
        get_plugin_manager().preload()


with suppress(OSError):
    os.setpgid(0, 0)
gc.disable()  # the modules contain hundreds of thousands of objects, and none of them is garbage
_preload()
gc.freeze()  # workers do not search these objects for garbage, which would copy their memory
gc.enable()
