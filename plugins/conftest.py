"""Fixtures of the plugins' tests, shared with the core's."""

from fixtures import cache_folder, jsoc, no_network, pointing_path, real_data

__all__ = ["cache_folder", "jsoc", "no_network", "pointing_path", "real_data"]
