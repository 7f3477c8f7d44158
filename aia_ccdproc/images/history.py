"""HISTORY lines."""

from __future__ import annotations

from typing import Protocol

from astropy.io import fits

__all__ = ["Described", "add_history", "add_step_history", "printable"]


class Described(Protocol):
    """What can be said on one line: the settings of a step."""

    def describe(self) -> str:
        """Say it.

        Returns
        -------
        str
            The line.
        """


def add_history(header: fits.Header, text: str) -> None:
    """Add a line to a header's HISTORY, in ASCII.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    text : str
        The line; astropy breaks it over cards after 72 characters.
    """
    header.add_history(" ".join(printable(text).split()))


def printable(text: str) -> str:
    """Replace what FITS cannot hold in a text by question marks.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Printable ASCII.
    """
    return "".join(c if " " <= c <= "~" else " " if c.isspace() else "?" for c in text)


def add_step_history(header: fits.Header, step: str, plugin: str, settings: Described) -> None:
    """Add the HISTORY line of a step: what was done, by whom, with which settings.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    step : str
        Name of the step.
    plugin : str
        Distribution and version that did it.
    settings : `~aia_ccdproc.plugin.settings.StepSettings`
        Its settings.
    """
    described = settings.describe()
    add_history(header, f"{step} ({plugin})" + (f": {described}" if described else ""))
