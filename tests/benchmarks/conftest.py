"""Load only the plugin with compiled kernels, in this process and in the processes that it starts."""

from __future__ import annotations

import os

from machine import describe_cpu

from aia_ccdproc.plugin.manager import CHOSEN_PLUGINS

os.environ[CHOSEN_PLUGINS] = "aia-ccdproc-cubic"


def pytest_benchmark_update_machine_info(machine_info: dict[str, object]) -> None:
    """Add the description of the processor to the results."""
    machine_info["described"] = describe_cpu()
