"""Run a batch: from the files that a user names to the results, the reports and the pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aia_ccdproc.batch.cluster import dask_cluster
from aia_ccdproc.batch.dispatch import dispatch
from aia_ccdproc.batch.executors import WorkerPool, existing_executor, this_process, worker_processes
from aia_ccdproc.batch.fetching import FetchAhead, expect_files, fetched_folder
from aia_ccdproc.batch.headers import headers_to_prefetch
from aia_ccdproc.batch.info import describe_batch
from aia_ccdproc.batch.inputs import Files, find_inputs
from aia_ccdproc.batch.plan import Job, make_plan, name_output
from aia_ccdproc.batch.private_folder import private_folder
from aia_ccdproc.batch.progress import Progress, Results, default_progress
from aia_ccdproc.batch.signals import BatchInterrupted, stop_on_signals
from aia_ccdproc.batch.task import BatchOptions
from aia_ccdproc.errors import SettingsError, WriteError, renamed_argument
from aia_ccdproc.images.compression import Compression
from aia_ccdproc.images.files import read_ahead, remove_abandoned
from aia_ccdproc.images.names import is_fits_name
from aia_ccdproc.parallel import available_cpus, start_forkserver
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe import Recipe, load_recipe
from aia_ccdproc.report.results import FileResult

if TYPE_CHECKING:
    from aia_ccdproc.report.quicklook import QuicklookOptions

__all__ = ["run"]

#: Largest number of files of which the HTML report shows pictures. More pictures would be too small to see something.
_MAX_FILES_WITH_PICTURES = 15_000


@renamed_argument("observer", "progress")
def run(
    files: Files,
    recipe: str | os.PathLike[str] | Recipe = "level1.5",
    output_dir: str | os.PathLike[str] = ".",
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    overwrite: bool | None = None,
    compression: Compression | None = None,
    report: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    quicklook: bool | QuicklookOptions = False,
    keep_level1: bool = False,
    input_options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> list[FileResult]:
    """Prep files with a recipe, and write one output for each.

    An output that already exists and was made from the same input with the same recipe is not made again. A batch that
    was interrupted in any way can therefore be resumed by running it again.

    Parameters
    ----------
    files : path-like, iterable of path-like, or `~ccdproc.ImageFileCollection`
        Level-1 FITS files, folders of such files, or patterns (``"2020/**/*171*.fits"``). They are not changed.
        Or URLs of FITS files, and inputs of which a plugin knows the scheme. These files are fetched, at most four at
        the same time, unless their outputs exist.
    recipe : str, path-like or `~aia_ccdproc.Recipe`
        Name of a built-in recipe, path of a TOML file, or a recipe.
    output_dir : path-like
        Folder of the outputs; created if it does not exist. The recipe's ``[output]`` table sets their names, by
        default ``<stem>_lev1p5.fits``, or ``image_lev1p5.fits`` for ``image_lev1.fits``. For one input also the output
        itself: a name that ends with ``.fits`` or ``.fits.gz``.
    jobs : int, optional
        Number of files that are processed at the same time, each in a process of its own. By default 1: in this
        process, one after another. With an executor, the number of its workers, by default the number of CPUs.
    scheduler : str, optional
        Address of a dask.distributed scheduler, ``tcp://host:8786``. Its workers then process the files.
    executor : `~concurrent.futures.Executor`, optional
        An executor whose workers process the files, for example ``loky.get_reusable_executor()`` or
        ``mpi4py.futures.MPIPoolExecutor()``. It is not shut down. This package must be installed for its workers, and
        they must see the files under the same paths. Threads of one process take turns. If a worker dies, its file is
        not retried, and all remaining files fail.
    overwrite : bool, optional
        Whether an output that was made with another recipe or from another input may be replaced. By default, the
        recipe decides.
    compression : {"none", "rice", "lossless"}, optional
        Tile compression of the outputs, as in `~aia_ccdproc.write`. By default, the recipe decides.
    report : path-like, or iterable of path-like
        Reports to write: ``.json`` or ``.html``.
    quicklook : bool or dict
        Whether to draw a PNG beside each output. This needs matplotlib. A dict contains options of
        `~aia_ccdproc.quicklook`: ``{"size": 512, "background": "light"}``.
    keep_level1 : bool
        Whether to keep files that are fetched, in the folder ``level1`` of the output folder. By default, each is
        removed when its output has been written.
    input_options : mapping of str to str, optional
        Options for archives, for example ``{"email": "me@example.org"}``. The plugin of the archive documents them.
    progress : `~aia_ccdproc.Progress`, optional
        Object whose methods are called while the batch runs. By default, a notebook shows a progress bar, and nothing
        is shown elsewhere. ``Progress()`` shows nothing.

    Returns
    -------
    list of `~aia_ccdproc.FileResult`
        One for each file, in the order of the files. A file that fails leaves no output behind and does not stop the
        others. A notebook shows the list as a table.

    Raises
    ------
    RecipeError
        If the recipe has problems.
    ReadError
        If a folder or a pattern contains no FITS files.
    WriteError
        If two files would have the same output, or an output would replace an input. If the folder cannot be created,
        or a report cannot be written.
    SettingsError
        If ``jobs`` is less than 1, both a scheduler and an executor are given, an option of ``quicklook`` is invalid, a
        report has an unknown suffix, or ``output_dir`` is the name of one file although there are several inputs.
    PrepError
        If the scheduler does not answer, no worker can be started, or matplotlib is missing for ``quicklook``.
    KeyboardInterrupt
        After Ctrl-C, SIGTERM or SIGHUP, when the files that are being processed are finished. The reports are written
        first.

    Notes
    -----
    Errors are raised before any output is written. Only `KeyboardInterrupt`, and the error of a report that cannot be
    written, may be raised later.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    jobs = _count_jobs(jobs, scheduler, executor)
    reports = [Path(report)] if isinstance(report, str | os.PathLike) else [Path(path) for path in report]
    quicklook_options = _check_quicklook(quicklook)
    with stop_on_signals() as stop, ExitStack() as stack:
        target = Path(output_dir)
        folder = target.parent if is_fits_name(target) and not target.is_dir() else target
        loaded = _override_output(load_recipe(recipe), overwrite, compression)
        fetched = fetched_folder(folder, keep_level1)
        inputs = find_inputs(files, fetched, input_options)
        loaded, folder = name_output(inputs, loaded, target)
        remote_files = {found.path: found.remote for found in inputs if found.remote}
        pipeline = Pipeline(loaded)
        if remote_files and not keep_level1:
            every = [each for remote in remote_files.values() for each in (remote, *remote.beside())]
            stack.enter_context(private_folder(fetched, {each.name: each.source for each in every}))
        plan = make_plan(inputs, loaded, folder)
        has_pictures = any(path.suffix.lower() != ".json" for path in reports)
        jobs_planned = sum(isinstance(entry, Job) for entry in plan)
        thumbnails = jobs_planned if has_pictures and jobs_planned <= _MAX_FILES_WITH_PICTURES else 0
        options = BatchOptions(loaded, thumbnails=thumbnails, for_report=bool(reports), quicklook=quicklook_options)
        plan = _without_existing(plan, options, pipeline)
        todo = [entry for entry in plan if isinstance(entry, Job)]
        waiting = expect_files({job.path: remote_files[job.path] for job in todo if job.path in remote_files})
        todo.sort(key=lambda job: job.path in waiting)
        _prepare_folders(folder, todo, reports)
        fetches = FetchAhead(remote_files, keep=keep_level1)
        workers = max(1, min(jobs, len(todo)))
        info = describe_batch(loaded, folder, jobs, scheduler, started)
        results = Results(plan, progress or default_progress())
        try:
            if scheduler is None and executor is None:
                for job in todo[:workers]:
                    read_ahead(job.path)
                if workers > 1:
                    start_forkserver(workers)
            pipeline.prefetch(headers_to_prefetch(todo, loaded, remote_files))
            with (
                _open_pool(options, pipeline, workers, scheduler, executor) as pool,
                closing(dispatch(todo, pool, stop, results.progress.started, fetches)) as arriving,
            ):
                for result in arriving:
                    results.add(result)
                    fetches.discard([result.path])
        finally:  # the reports are written even if the batch is interrupted
            info = replace(info, seconds=time.perf_counter() - clock, interrupted=not results.is_complete)
            results.progress.ended(info.seconds)
            fetches.close()
            if reports:
                from aia_ccdproc.report.write import write_reports

                write_reports(reports, info, results.in_order())
        if not results.is_complete:
            raise BatchInterrupted(stop.number)
    return results.in_order()


def _count_jobs(jobs: int | None, scheduler: str | None, executor: Executor | None) -> int:
    """Return the number of jobs. Raise SettingsError if the options for workers are wrong."""
    if scheduler is not None and executor is not None:
        raise SettingsError(f"scheduler = {scheduler!r} and an executor are both given. Give one of them")
    if executor is not None and not isinstance(executor, Executor):
        raise SettingsError(f"executor = {executor!r} is not a concurrent.futures.Executor")
    if jobs is None:
        return 1 if executor is None else available_cpus()
    if not isinstance(jobs, int) or jobs < 1:
        raise SettingsError(f"jobs = {jobs!r} is not a whole number of at least 1")
    return jobs


def _check_quicklook(quicklook: bool | QuicklookOptions) -> QuicklookOptions | None:
    """Return the options of quick-look pictures; None if there are none. Raise an error if they cannot be drawn."""
    if quicklook is False:
        return None
    from aia_ccdproc.report.quicklook import QuicklookOptions, check_quicklook

    options = QuicklookOptions() if quicklook is True else quicklook
    if not isinstance(options, Mapping) or not set(options) <= set(QuicklookOptions.__annotations__):
        known = ", ".join(QuicklookOptions.__annotations__)
        raise SettingsError(f"quicklook = {quicklook!r} is neither a bool nor a dict with options: {known}")
    check_quicklook(**options)
    return options


def _override_output(recipe: Recipe, overwrite: bool | None, compression: Compression | None) -> Recipe:
    """Replace output settings of a recipe by those of this run, so that its digest describes what is done."""
    given = {"overwrite": overwrite, "compression": compression}
    settings = recipe.output.model_dump() | {name: value for name, value in given.items() if value is not None}
    return replace(recipe, output=OutputSettings.of(**settings))


def _prepare_folders(folder: Path, todo: Sequence[Job], reports: Sequence[Path]) -> None:
    """Create the output folder, check the reports, and remove temporary files of batches that were killed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"the output folder {folder} cannot be created ({error.strerror})") from error
    if reports:
        from aia_ccdproc.report.write import check_report_path

        for path in reports:
            check_report_path(path)
    for used in {folder, *(job.output.parent for job in todo), *(path.parent for path in reports)}:
        remove_abandoned(used)


def _open_pool(
    options: BatchOptions, pipeline: Pipeline, workers: int, scheduler: str | None, executor: Executor | None
) -> AbstractContextManager[WorkerPool]:
    if executor is not None:
        return existing_executor(executor, workers, options)
    if scheduler is not None:
        return dask_cluster(scheduler, options)
    if workers > 1:
        return worker_processes(workers, options)
    from aia_ccdproc.batch.worker import Worker  # imports astropy, which this process does not need otherwise

    return this_process(Worker(options, pipeline))


def _without_existing(
    plan: Sequence[Job | FileResult], options: BatchOptions, pipeline: Pipeline
) -> list[Job | FileResult]:
    """Replace the jobs of files that need not be fetched, because their outputs exist, by their results."""
    has_output = [isinstance(entry, Job) and bool(entry.source) and entry.output.exists() for entry in plan]
    if not any(has_output):
        return list(plan)
    from aia_ccdproc.batch.worker import Worker

    worker = Worker(options, pipeline)
    return [
        (worker.existing(entry) or entry) if exists and isinstance(entry, Job) else entry
        for entry, exists in zip(plan, has_output, strict=True)
    ]
