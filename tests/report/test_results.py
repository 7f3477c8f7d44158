"""Tests of the results of files."""

from __future__ import annotations

from pathlib import Path

from aia_ccdproc.errors import PluginError, ReadError
from aia_ccdproc.report.results import FileResult, failed_result

PATH = Path("a.fits")


def catch(error: Exception, cause: Exception | None = None) -> Exception:
    """Raise an error, so that it has a traceback."""
    try:
        raise error from None if cause is None else catch(cause)
    except type(error) as caught:
        return caught


def test_an_error_of_the_package_is_explained_by_its_message_alone() -> None:
    result = failed_result(PATH, catch(ReadError("a.fits: the file is empty"), OSError("no such file")))
    assert result == FileResult(PATH, "failed", error="ReadError: a.fits: the file is empty")
    assert result.traceback == ""


def test_a_failure_inside_a_plugin_has_the_traceback_of_its_cause() -> None:
    error = catch(PluginError("register of aia-foo 1.0 failed"), ZeroDivisionError("division by zero"))
    result = failed_result(PATH, error)
    assert result.error == "PluginError: register of aia-foo 1.0 failed"
    assert result.traceback.startswith("Traceback (most recent call last)")
    assert result.traceback.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "PluginError" not in result.traceback
    assert failed_result(PATH, catch(PluginError("unknown step"))).traceback == ""


def test_an_unexpected_error_has_its_traceback() -> None:
    result = failed_result(PATH, catch(KeyError("T_OBS")))
    assert result.error == "KeyError: 'T_OBS'"
    assert "test_results.py" in result.traceback


def test_too_little_memory_is_explained() -> None:
    assert failed_result(PATH, MemoryError()).error == "MemoryError: not enough memory"


def test_the_full_traceback_is_kept_for_every_error() -> None:
    result = failed_result(PATH, catch(ReadError("a.fits: the file is empty"), OSError("no such file")))
    assert result.full_traceback.endswith("ReadError: a.fits: the file is empty\n")
    assert "OSError: no such file" in result.full_traceback
