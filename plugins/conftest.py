"""The fixtures of the core's tests, for those of the plugins in this repository: real files, no network, a JSOC."""

from conftest import cache_folder, jsoc, no_network, pointing_path, real_data

__all__ = ["cache_folder", "jsoc", "no_network", "pointing_path", "real_data"]
