"""Fixtures of the core's tests, which run without any plugin, in this process and in those that it starts."""

from __future__ import annotations

import os

from fixtures import cache_folder, jsoc, no_network, pointing_path, real_data

from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS

__all__ = ["cache_folder", "jsoc", "no_network", "pointing_path", "real_data"]

os.environ[CHOSEN_PLUGINS] = ""
