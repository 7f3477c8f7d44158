"""HISTORY lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["Described", "add_history", "add_step_history", "printable"]


class Described(Protocol):
    """An object that can be described on one line: the settings of a step."""

    def describe(self) -> str:
        """Return the description.

        Returns
        -------
        str
            One line; empty if there is nothing to describe.
        """


def add_history(header: fits.Header, text: str) -> None:
    """Add a line to the HISTORY of a header, in ASCII.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    text : str
        The line. astropy splits it into cards of 72 characters.
    """
    header.add_history(" ".join(printable(text).split()))


def printable(text: str) -> str:
    """Replace characters that FITS does not allow by question marks.

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
    """Add the HISTORY line of a step: its name, the distribution that ran it, and its settings.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        The header; changed in place.
    step : str
        Name of the step.
    plugin : str
        Distribution and version that ran it.
    settings : `~aia_ccdproc.plugin.StepSettings`
        Its settings.
    """
    description = settings.describe()
    add_history(header, f"{step} ({plugin})" + (f": {description}" if description else ""))
