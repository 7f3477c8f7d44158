"""A batch, from the files that a user names to the results, the report and the pictures."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from astropy.io import fits

from aia_ccdproc.batch.dispatch import stop_on_signals, work_off
from aia_ccdproc.batch.executors import cluster, worker_processes
from aia_ccdproc.batch.inputs import Files, find_inputs
from aia_ccdproc.batch.plan import Job, make_plan
from aia_ccdproc.batch.worker import Orders, Worker
from aia_ccdproc.errors import PrepError, SettingsError, WriteError
from aia_ccdproc.images.files import remove_abandoned
from aia_ccdproc.parallel import start_server
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.plugin.manager import get_plugin_manager
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe import Recipe, load_recipe
from aia_ccdproc.report.quicklook import check_quicklook
from aia_ccdproc.report.results import BatchInfo, FileResult
from aia_ccdproc.report.write import check_report_path, write_report

__all__ = ["Observer", "run"]

#: Distributions that the pixels of an output depend on, beside the package and the plugins.
_DEPENDENCIES = ("astropy", "ccdproc", "numpy", "reproject", "scipy")


class Observer:
    """Is told how a batch goes on; does nothing with it."""

    def planned(self, files: int) -> None:  # numpydoc ignore=PR01
        """Be told how many files there are, before the first is begun."""

    def started(self, path: Path) -> None:  # numpydoc ignore=PR01
        """Be told that a file was handed to a worker."""

    def finished(self, result: FileResult) -> None:  # numpydoc ignore=PR01
        """Be told what became of a file."""


def run(
    files: Files,
    recipe: str | os.PathLike[str] | Recipe = "level1.5",
    output_dir: str | os.PathLike[str] = ".",
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    overwrite: bool | None = None,
    compression: Literal["none", "rice", "lossless"] | None = None,
    report: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    quicklook: bool = False,
    observer: Observer | None = None,
) -> list[FileResult]:
    """Prep files by a recipe, and write an output for each.

    An output that is there already, made from the same input by the same recipe, is left alone: a batch that was
    stopped, however it was, goes on where it was.

    Parameters
    ----------
    files : path-like, iterable of path-like, or `~ccdproc.ImageFileCollection`
        Level-1 FITS files, folders of such, or patterns (``"2020/**/*171*.fits"``); only read.
    recipe : str, path-like or `~aia_ccdproc.Recipe`
        A built-in recipe's name, the path of a TOML file, or a recipe.
    output_dir : path-like
        Folder of the outputs, which are named as the recipe's ``[output]`` says, by default
        ``<stem>_lev1p5.fits``; made if it is not there.
    jobs : int
        Processes that work side by side; with 1, the work is done in this one.
    scheduler : str, optional
        Address of a dask.distributed scheduler, whose workers then do the work.
    overwrite : bool, optional
        Whether outputs of another recipe or input may be replaced. By default as the recipe says.
    compression : {"none", "rice", "lossless"}, optional
        As in `~aia_ccdproc.write`. By default as the recipe says.
    report : path-like, or iterable of path-like
        Reports to write: ``.json`` or ``.html``.
    quicklook : bool
        Whether to draw a PNG beside each output; needs matplotlib.
    observer : `~aia_ccdproc.batch.run.Observer`, optional
        Is told how it goes on.

    Returns
    -------
    list of `~aia_ccdproc.FileResult`
        One for each file, in their order. A file that fails leaves no output behind and does not stop the others.

    Raises
    ------
    RecipeError
        If the recipe has problems.
    ReadError
        If a folder or a pattern holds no FITS files.
    WriteError
        If two files would have one output, one would leave the folder, or the folder cannot be made.
    SettingsError
        If jobs is less than 1, or a report cannot be written where it shall be.
    PrepError
        If no scheduler answers, or no worker can be started.
    KeyboardInterrupt
        On Ctrl-C and SIGTERM, after the files in hand; the report is written then too.

    Notes
    -----
    Errors are raised before any work is done, but for the last: nothing has been written then.
    """
    if not isinstance(jobs, int) or jobs < 1:
        raise SettingsError(f"jobs = {jobs!r}: should be a whole number, at least 1")
    started, clock = datetime.now(UTC), time.perf_counter()
    watch = observer or Observer()
    reports = [Path(report)] if isinstance(report, str | os.PathLike) else [Path(one) for one in report]
    if quicklook:
        check_quicklook()
    loaded, folder = _with_output(load_recipe(recipe), overwrite, compression), Path(output_dir)
    pictures = any(path.suffix.lower() != ".json" for path in reports)
    orders = Orders(loaded, pictures=pictures, output_hashes=bool(reports), quicklook=quicklook)
    pipeline = Pipeline(loaded)
    plan = make_plan(find_inputs(files), loaded, folder)
    todo = [each for each in plan if isinstance(each, Job)]
    _prepare_folders(folder, todo)
    for path in reports:
        check_report_path(path)
        remove_abandoned(path.parent)
    watch.planned(len(plan))
    results = {each.path: each for each in plan if isinstance(each, FileResult)}
    for result in results.values():
        watch.finished(result)
    interrupted = True
    try:
        with stop_on_signals() as stop:
            if scheduler is None and min(jobs, len(todo)) > 1:
                start_server()
            missing = [job.path for job in todo if loaded.output.overwrite or not job.output.exists()]
            pipeline.before_batch(_Headers(missing, loaded))
            with contextlib.closing(_results(todo, orders, pipeline, jobs, scheduler, stop, watch)) as coming:
                for result in coming:
                    results[result.path] = result
                    watch.finished(result)
        interrupted = len(results) < len(plan)
    finally:  # whatever happened, what was done is told
        ordered = [results[each.path] for each in plan if each.path in results]
        info = BatchInfo(
            recipe=loaded.name,
            digest=loaded.digest,
            steps=tuple((step.use, step.settings.describe(), step.plugin) for step in loaded.steps),
            versions=_versions(),
            started=started,
            seconds=time.perf_counter() - clock,
            jobs=jobs,
            scheduler=scheduler or "",
            output_dir=folder,
            interrupted=interrupted,
        )
        _write_reports(reports, info, ordered)
    if interrupted:
        raise KeyboardInterrupt
    return ordered


def _write_reports(paths: Sequence[Path], info: BatchInfo, results: Sequence[FileResult]) -> None:
    """Write all reports that can be written; raise the first error after the last report."""
    errors = []
    for path in paths:
        try:
            write_report(path, info, results)
        except WriteError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _with_output(recipe: Recipe, overwrite: bool | None, compression: str | None) -> Recipe:
    """Put what this run asks for in the place of what the recipe says: its digest is of what is done."""
    asked = {"overwrite": overwrite, "compression": compression}
    settings = recipe.output.model_dump() | {name: value for name, value in asked.items() if value is not None}
    return replace(recipe, output=OutputSettings.of(**settings))


def _results(
    todo: Sequence[Job],
    orders: Orders,
    pipeline: Pipeline,
    jobs: int,
    scheduler: str | None,
    stop: threading.Event,
    watch: Observer,
) -> Generator[FileResult]:
    if scheduler is None and min(jobs, len(todo)) <= 1:
        worker = Worker(orders, pipeline)
        for job in todo:
            if stop.is_set():
                return
            watch.started(job.path)
            yield worker.prep(job)
        return
    crew = worker_processes(min(jobs, len(todo)), orders) if scheduler is None else cluster(scheduler, orders)
    with crew as those:
        yield from work_off(todo, those, stop, watch.started)


def _prepare_folders(folder: Path, todo: Sequence[Job]) -> None:
    """Make the folder of the outputs, and clear away what a killed batch left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: the output folder cannot be made ({error.strerror})") from error
    for used in {folder, *(job.output.parent for job in todo)}:
        remove_abandoned(used)


def _versions() -> dict[str, str]:
    plugins = get_plugin_manager().plugins.values()
    return {
        "python": platform.python_version(),
        **{plugin.distribution: plugin.version for plugin in plugins},
        **{name: version(name) for name in _DEPENDENCIES},
    }


class _Headers(Sequence[fits.Header]):
    """The headers of files, read when a step asks for them; files that cannot be read fail later, by themselves."""

    def __init__(self, paths: list[Path], recipe: Recipe) -> None:
        self._paths, self._recipe = paths, recipe

    @functools.cached_property
    def _read(self) -> list[fits.Header]:
        headers = []
        for path in self._paths:
            with contextlib.suppress(PrepError):
                headers.append(self._recipe.read_header(path))
        return headers

    def __getitem__(self, index: Any) -> Any:
        return self._read[index]

    def __len__(self) -> int:
        return len(self._read)
