"""Fixtures for the tests of the plugins, shared with the tests of the core."""

from fixtures import cache_folder, jsoc, no_network, pointing_path, real_data

__all__ = ["cache_folder", "jsoc", "no_network", "pointing_path", "real_data"]
