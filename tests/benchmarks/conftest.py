"""Load only the plugin with compiled kernels, in this process and in the processes that it starts."""

from __future__ import annotations

import os

from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS

os.environ[CHOSEN_PLUGINS] = "aia-ccdproc-cubic"
