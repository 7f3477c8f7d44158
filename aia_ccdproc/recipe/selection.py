"""Which images are meant: header keywords and the values that they must have.

One language for a recipe's ``[select]``, and for the ``only`` and ``when`` of a step::

    WAVELNTH = [171, 193]                      # one of these
    T_OBS = { min = 2020-01-01, max = "2020-01-02T12:00:00Z" }
    QUALLEV0 = { reject_bits = 0x800100f0 }    # none of these bits
    ACS_MODE = { not = "INERTIAL" }
    INSTRUME = "AIA*"                          # upper or lower case, * and ? as in a shell
    instrument = "AIA"                         # the name that prep_identify gives
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from astropy.io import fits

from aia_ccdproc.errors import SettingsError
from aia_ccdproc.images.values import KEYWORD, is_empty
from aia_ccdproc.recipe.conditions import INSTRUMENT, Condition, read_condition

__all__ = ["Selection", "check_selection"]

_COMMENTARY = ("COMMENT", "HISTORY")


@dataclass(frozen=True)
class Selection:  # numpydoc ignore=PR02
    """Images that are meant, by the keywords of their headers; without any condition, all are.

    Parameters
    ----------
    conditions : tuple of (str, condition)
        What every keyword must be, as `from_table` makes them.
    """

    conditions: tuple[tuple[str, Condition], ...] = ()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read a selection from a table of a recipe.

        Parameters
        ----------
        table : mapping
            By keyword, in upper case, or ``instrument``: a value, a list of values any of which will do, or a table
            of ``min``, ``max``, ``not`` (a value or a list) and ``reject_bits``. ``min`` and ``max`` are numbers or
            times.

        Returns
        -------
        `Selection`
            The selection.

        Raises
        ------
        SettingsError
            If a condition makes no sense; all that do not.
        """
        conditions, problems = _read(table)
        if problems:
            raise SettingsError("; ".join(problems.values()))
        return cls(tuple(conditions.items()))

    def __bool__(self) -> bool:
        return bool(self.conditions)

    @property
    def keywords(self) -> frozenset[str]:
        """The keywords of the header that are asked for.

        Returns
        -------
        frozenset of str
            Keywords; ``instrument`` is none.
        """
        return frozenset(keyword for keyword, _ in self.conditions if keyword != INSTRUMENT)

    @property
    def asks_instrument(self) -> bool:
        """Whether the name of the instrument is asked for.

        Returns
        -------
        bool
            True if an image has to be identified first.
        """
        return any(keyword == INSTRUMENT for keyword, _ in self.conditions)

    def why_not(self, header: fits.Header, instrument: str | None = None) -> str:
        """Say why an image is not among those that are meant: the first condition that it does not meet.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Its header. A keyword that is missing or empty fits no condition.
        instrument : str, optional
            The name of its instrument.

        Returns
        -------
        str
            ``"WAVELNTH is 94, not 171 or 193"``; nothing if it is among them.
        """
        for keyword, condition in self.conditions:
            value = instrument if keyword == INSTRUMENT else header.get(keyword)
            if is_empty(value):
                return f"{keyword} is empty" if keyword in header else f"there is no {keyword}"
            reason = condition.why_not(value)
            if reason:
                return f"{keyword} {reason}"
        return ""

    def describe(self) -> str:
        """Write the selection on one line, so that selections of the same images read alike.

        Returns
        -------
        str
            ``"QUALITY: reject_bits 0x1, WAVELNTH: 171, 193"``; nothing for the one that means all images.
        """
        return ", ".join(
            f"{keyword}: {condition.describe()}"
            for keyword, condition in sorted(self.conditions, key=lambda pair: pair[0])
        )


def check_selection(table: Mapping[str, Any]) -> dict[str, str]:
    """Find what is wrong with the table of a selection.

    Parameters
    ----------
    table : mapping
        As `Selection.from_table` takes it.

    Returns
    -------
    dict of str to str
        By keyword, what is wrong with its condition; empty if nothing is.
    """
    return _read(table)[1]


def _read(table: Mapping[str, Any]) -> tuple[dict[str, Condition], dict[str, str]]:
    conditions, problems = {}, {}
    for keyword, said in table.items():
        try:
            _check_keyword(keyword)
            conditions[keyword] = read_condition(keyword, said)
        except ValueError as error:
            problems[keyword] = str(error)
    return conditions, problems


def _check_keyword(keyword: str) -> None:
    if keyword == INSTRUMENT:
        return
    if not KEYWORD.match(keyword):
        near = f"; did you mean {keyword.upper()!r}?" if KEYWORD.match(keyword.upper()) else ""
        raise ValueError(f"{keyword!r} is no header keyword, which is upper case{near}")
    if keyword in _COMMENTARY:
        raise ValueError(f"{keyword} has many lines and no value; choose by another keyword")
