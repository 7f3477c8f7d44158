"""Imported by the server that worker processes are forked from: what all of them need, plugins as well."""

import contextlib
import warnings

import aia_ccdproc.batch.work  # noqa: F401
from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugins import installed_plugins

with warnings.catch_warnings(), contextlib.suppress(PluginError):  # said where the batch was started
    warnings.simplefilter("ignore")
    installed_plugins()  # for its imports; each worker, whose environment may be another, makes its own
