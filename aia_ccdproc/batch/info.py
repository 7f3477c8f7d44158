"""What a report says of a batch as a whole."""

from __future__ import annotations

import platform
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.recipe.recipe import Recipe
from aia_ccdproc.report.results import BatchInfo

__all__ = ["describe_batch"]

#: Distributions that affect the pixels of an output, besides this package and its plugins.
_DEPENDENCIES = ("astropy", "ccdproc", "numpy", "reproject", "scipy")


def describe_batch(recipe: Recipe, folder: Path, jobs: int, scheduler: str | None, started: datetime) -> BatchInfo:
    """Describe a batch that starts.

    Parameters
    ----------
    recipe : `~aia_ccdproc.Recipe`
        The recipe.
    folder : `~pathlib.Path`
        Folder of the outputs.
    jobs : int
        Number of workers.
    scheduler : str or None
        Address of the dask scheduler.
    started : `~datetime.datetime`
        Start of the batch, UTC.

    Returns
    -------
    `~aia_ccdproc.report.results.BatchInfo`
        The description, without the time that the batch takes.
    """
    return BatchInfo(
        recipe=recipe.name,
        digest=recipe.digest,
        steps=tuple((step.use, step.settings.describe(), step.plugin) for step in recipe.steps),
        versions=_versions(),
        started=started,
        seconds=0.0,
        jobs=jobs,
        scheduler=scheduler or "",
        output_dir=folder,
    )


def _versions() -> dict[str, str]:
    plugins = get_plugin_manager().plugins.values()
    return {
        "python": platform.python_version(),
        **{plugin.distribution: plugin.version for plugin in plugins},
        **{name: version(name) for name in _DEPENDENCIES},
    }
