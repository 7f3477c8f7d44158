"""Process the files of a batch: in this process, in a worker process, or in a worker of a cluster."""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.batch.description import describe_geometry, describe_limb, describe_observation, describe_pointing
from aia_ccdproc.batch.measuring import collect_log_messages, peak_memory, timed
from aia_ccdproc.batch.plan import Job
from aia_ccdproc.batch.task import BatchOptions
from aia_ccdproc.errors import PrepError, PrepWarning, WriteError, warn_user
from aia_ccdproc.images.header import readable_header
from aia_ccdproc.images.names import stem
from aia_ccdproc.io import read, read_header, write
from aia_ccdproc.parallel import limit_threads
from aia_ccdproc.pipeline import Pipeline
from aia_ccdproc.report.results import FileResult, Status, failed_result

__all__ = ["Worker"]

#: Keyword for the SHA-256 of the file from which an output was made.
INPUT_HASH = "INPUTID"
#: Keyword for the source of a file that was fetched from an archive.
INPUT_SOURCE = "INPUTSRC"


class Worker:
    """Processes the files of a batch, one after another.

    Parameters
    ----------
    options : `~aia_ccdproc.batch.task.BatchOptions`
        Options of the batch.
    pipeline : `~aia_ccdproc.Pipeline`, optional
        Pipeline of the recipe, if one was made already.
    """

    def __init__(self, options: BatchOptions, pipeline: Pipeline | None = None) -> None:
        self._options = options
        self._recipe = options.recipe
        self._pipeline = pipeline or Pipeline(options.recipe)
        self._digest = options.recipe.digest

    def prep(self, job: Job) -> FileResult:
        """Process one file.

        Parameters
        ----------
        job : `~aia_ccdproc.batch.plan.Job`
            The file and its output.

        Returns
        -------
        `~aia_ccdproc.FileResult`
            The result. Exceptions are caught and described in it, except those that end the process.
        """
        seconds: dict[str, float] = {}
        limit_threads(self._options.threads)
        with (
            warnings.catch_warnings(record=True) as caught,
            collect_log_messages() as logged,
            ThreadPoolExecutor(1) as background,
        ):
            warnings.simplefilter("always", PrepWarning)
            # Hashing releases the interpreter lock, so it costs no time while the file is read.
            input_hash = background.submit(_file_hash, self._options.folder / job.path)
            try:
                result = self._prep(job, input_hash, seconds)
            except Exception as error:  # an error in a plugin, or too little memory, must not end the batch
                result = failed_result(job.path, error)
            finally:
                limit_threads(None)
        return replace(
            result,
            warnings=(*(str(warning.message) for warning in caught), *logged),
            seconds=seconds,
            input_hash=input_hash.result(),
            worker=f"{platform.node()}:{os.getpid()}",
            peak_memory=peak_memory(),
        )

    def existing(self, job: Job) -> FileResult | None:
        """Check whether a file of an archive need not be fetched, because its output exists.

        Parameters
        ----------
        job : `~aia_ccdproc.batch.plan.Job`
            The file, which need not have been fetched, and its output, which exists.

        Returns
        -------
        `~aia_ccdproc.FileResult` or None
            The result, if the output is up to date, or must not be replaced. None if the file must be prepped.
        """
        try:
            header = self._matching_header(job, "")
            return None if header is None else self._unchanged(job, header, {})
        except Exception as error:  # as in prep
            return failed_result(job.path, error)

    def _prep(self, job: Job, input_hash: Future[str], seconds: dict[str, float]) -> FileResult:
        path, output = self._options.folder / job.path, self._options.folder / job.output
        if output.exists():
            if not input_hash.result():
                read_header(path, hdu=self._recipe.hdu)  # explains why the input cannot be read
            header = self._matching_header(job, input_hash.result())
            if header is not None:
                return self._unchanged(job, header, seconds)
        with timed(seconds, "read"):
            level1 = self._read_input(path)
        try:
            image = self._pipeline(level1, seconds=seconds)
        except Exception as error:
            observation = describe_observation(readable_header(level1))
            return replace(failed_result(job.path, error), observation=observation)
        geometry = describe_geometry(level1, image)
        before = level1 if self._options.thumbnails else None
        del level1  # its memory is used again when the output is written
        image.header[INPUT_HASH] = input_hash.result()
        if job.source:
            image.header[INPUT_SOURCE] = job.source
        header = self._matching_header(job, input_hash.result()) if output.exists() else None
        if header is not None:  # another batch has written it in the meantime
            return self._unchanged(job, header, seconds)
        with timed(seconds, "write"):
            settings = self._recipe.output
            output.parent.mkdir(parents=True, exist_ok=True)
            write(image, output, overwrite=settings.overwrite, compression=settings.compression)
        result = replace(self._describe_output(job, "done", image.header), geometry=geometry)
        if self._options.quicklook is not None:
            result = replace(result, quicklook=self._draw_quicklook(job, image, seconds))
        if before is not None:
            result = self._with_thumbnails(result, before, image, seconds)
        return result

    def _read_input(self, path: Path) -> CCDData:
        return read(path, hdu=self._recipe.hdu, instrument=self._recipe.instrument)

    def _matching_header(self, job: Job, input_hash: str) -> fits.Header | None:
        """Return the header of an existing output that was made from this input with this recipe.

        Return None if the output may be replaced. Raise WriteError if it may not.
        """
        output = self._options.folder / job.output
        try:
            header = read_header(output)
            is_same_input = header.get(INPUT_HASH) == input_hash
            if job.source:
                is_same_input = header.get(INPUT_SOURCE) == job.source
            if is_same_input and header.get("RECIPEID") == self._digest:
                return header
            reason = "was made from a different input file"
            if is_same_input:
                reason = "was made with a different recipe, or with other versions of the packages that run its steps"
        except PrepError as error:
            reason = f"is not a complete output ({error})"
        if self._recipe.output.overwrite:
            return None
        raise WriteError(
            f"{output} already exists and {reason}. Use --overwrite (in Python, overwrite=True) to replace it"
        )

    def _unchanged(self, job: Job, header: fits.Header, seconds: dict[str, float]) -> FileResult:
        """Describe an output that exists already, and draw those of its pictures that are missing."""
        output = self._options.folder / job.output
        result = self._describe_output(job, "unchanged", header)
        must_draw = False
        if self._options.quicklook is not None:
            from aia_ccdproc.report.quicklook import is_current

            must_draw = not is_current(_quicklook_path(output), output, self._options.quicklook)
            if not must_draw:
                result = replace(result, quicklook=_quicklook_path(job.output))
        has_input = (self._options.folder / job.path).exists()  # not if it would have to be fetched
        if self._options.for_report and has_input:
            with suppress(PrepError):  # of a file that was replaced by another one, for example
                level1_header = read_header(self._options.folder / job.path, hdu=self._recipe.hdu)
                result = replace(result, geometry=describe_geometry(level1_header, header))
        if must_draw or (self._options.thumbnails and has_input):
            image = read(output, instrument=self._recipe.instrument)
            if must_draw:
                result = replace(result, quicklook=self._draw_quicklook(job, image, seconds))
            if self._options.thumbnails and has_input:
                level1 = self._read_input(self._options.folder / job.path)
                result = self._with_thumbnails(result, level1, image, seconds)
        return result

    def _describe_output(self, job: Job, status: Status, header: fits.Header) -> FileResult:
        output_hash = _file_hash(self._options.folder / job.output) if self._options.for_report else ""
        return FileResult(
            job.path,
            status,
            job.output,
            output_hash=output_hash,
            pointing=describe_pointing(header),
            observation=describe_observation(header),
            limb=describe_limb(header),
        )

    def _draw_quicklook(self, job: Job, image: CCDData, seconds: dict[str, float]) -> Path | None:
        """Draw the picture beside an output, and return its path; None, with a warning, if that fails."""
        from aia_ccdproc.report.quicklook import quicklook

        try:
            with timed(seconds, "quicklook"):
                quicklook(image, _quicklook_path(self._options.folder / job.output), **(self._options.quicklook or {}))
        except Exception as error:
            _warn_not_drawn("the quick-look picture", error)
            return None
        return _quicklook_path(job.output)

    def _with_thumbnails(
        self, result: FileResult, level1: CCDData, image: CCDData, seconds: dict[str, float]
    ) -> FileResult:
        from aia_ccdproc.report.thumbnail import picture_size, thumbnails

        try:
            with timed(seconds, "pictures"):
                before, after = thumbnails(level1, image, picture_size(self._options.thumbnails))
            return replace(result, before=before, after=after)
        except Exception as error:
            _warn_not_drawn("the thumbnails", error)
            return result


def _quicklook_path(output: Path) -> Path:
    return output.with_name(f"{stem(output)}.png")


def _warn_not_drawn(pictures: str, error: Exception) -> None:
    """Report as a warning that pictures are missing. The output is complete without them."""
    warn_user(f"cannot draw {pictures}: {type(error).__name__}: {error}")


def _file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read."""
    try:
        if not path.is_file():
            return ""  # a pipe, for example, might block forever
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
