"""What is measured is the core with the plugin of compiled kernels, in this process and in those it starts."""

from __future__ import annotations

import os

from aia_ccdproc.plugin.manager import CHOSEN

os.environ[CHOSEN] = "aia-ccdproc-cubic"
