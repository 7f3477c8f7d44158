"""Selection of images by header keywords.

The tables ``[select]``, ``only`` and ``[[step.when]]`` of a recipe have the same conditions::

    WAVELNTH = [171, 193]                      # one of these values
    T_OBS = { min = 2020-01-01, max = "2020-01-02T12:00:00Z" }
    QUALLEV0 = { reject_bits = 0x800100f0 }    # none of these bits
    ACS_MODE = { not = "INERTIAL" }
    INSTRUME = "AIA*"                          # in upper or lower case, * and ? as in a shell
    instrument = "AIA"                         # the name that prep_identify gives
    quality = "good"                           # QUALITY, by the names of its bits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aia_ccdproc.errors import SettingsError
from aia_ccdproc.images.values import KEYWORD, is_empty
from aia_ccdproc.recipe.conditions import INSTRUMENT, Condition, read_condition
from aia_ccdproc.recipe.quality import QUALITY, read_quality

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["NAMED_CONDITIONS", "Selection", "check_selection"]

#: Keys of a selection that are not header keywords.
NAMED_CONDITIONS = (INSTRUMENT, QUALITY)

#: Keywords that a header contains many times.
_COMMENTARY = ("COMMENT", "HISTORY")


@dataclass(frozen=True)
class Selection:  # numpydoc ignore=PR02
    """The images whose headers meet all conditions; without a condition, all images.

    Parameters
    ----------
    conditions : tuple of (str, condition)
        Keywords and their conditions.
    """

    conditions: tuple[tuple[str, Condition], ...] = ()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read a selection from a table of a recipe.

        Parameters
        ----------
        table : mapping
            For each keyword, in upper case, and for ``instrument``: a value, a list of allowed values, or a table of
            ``min``, ``max``, ``not`` (a value or a list) and ``reject_bits``. ``min`` and ``max`` are numbers or
            times. For ``quality``: ``"good"``, or a table of ``reject`` or ``allow``.

        Returns
        -------
        `Selection`
            The selection.

        Raises
        ------
        SettingsError
            If conditions are invalid; the message lists all of them.
        """
        conditions, problems = _read(table)
        if problems:
            raise SettingsError("; ".join(problems.values()))
        return cls(tuple(conditions.items()))

    def __bool__(self) -> bool:
        return bool(self.conditions)

    @property
    def needs_instrument(self) -> bool:
        """Whether a condition needs the name of the instrument.

        Returns
        -------
        bool
            True if the instrument of an image has to be identified first.
        """
        return any(keyword == INSTRUMENT for keyword, _ in self.conditions)

    @property
    def checks_quality(self) -> bool:
        """Whether a condition depends on the quality of an image.

        Returns
        -------
        bool
            True for a condition on QUALITY or QUALLEV0, or on ``quality``.
        """
        return any(keyword in (QUALITY, "QUALITY", "QUALLEV0") for keyword, _ in self.conditions)

    def mismatch(self, header: fits.Header, instrument: str | None = None) -> str | None:
        """Describe why an image is not selected.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Its header. A keyword that is missing or empty meets only a condition of ``not`` alone.
        instrument : str, optional
            Name of its instrument.

        Returns
        -------
        str or None
            The first condition that the image does not meet, ``"WAVELNTH is 94, not 171 or 193"``; None if it is
            selected.
        """
        for keyword, condition in self.conditions:
            value = instrument if keyword == INSTRUMENT else header.get(keyword)
            if is_empty(value):
                if condition.accepts_missing:
                    continue
                return f"{keyword} is {'empty' if keyword in header else 'missing'}"
            reason = condition.mismatch(value)
            if reason is not None:
                return f"{keyword} {reason}"
        return None

    def describe(self) -> str:
        """Write the selection in one line; selections of the same images give the same text.

        Returns
        -------
        str
            ``"QUALITY: reject_bits 0x1, WAVELNTH: 171, 193"``; empty for a selection of all images.
        """
        return ", ".join(
            f"{keyword}: {condition.describe()}"
            for keyword, condition in sorted(self.conditions, key=lambda pair: pair[0])
        )


def check_selection(table: Mapping[str, Any]) -> dict[str, str]:
    """Find the invalid conditions of a table.

    Parameters
    ----------
    table : mapping
        As `Selection.from_table` takes it.

    Returns
    -------
    dict of str to str
        By keyword, what is wrong with its condition; empty if all conditions are valid.
    """
    return _read(table)[1]


def _read(table: Mapping[str, Any]) -> tuple[dict[str, Condition], dict[str, str]]:
    conditions: dict[str, Condition] = {}
    problems = {}
    for keyword, content in table.items():
        try:
            _check_keyword(keyword)
            conditions[keyword] = read_quality(content) if keyword == QUALITY else read_condition(keyword, content)
        except ValueError as error:
            problems[keyword] = str(error)
    return conditions, problems


def _check_keyword(keyword: str) -> None:
    if keyword in NAMED_CONDITIONS:
        return
    if not KEYWORD.match(keyword):
        hint = f"; did you mean {keyword.upper()!r}?" if KEYWORD.match(keyword.upper()) else ""
        raise ValueError(f"{keyword!r} is not a header keyword, which is in upper case{hint}")
    if keyword in _COMMENTARY:
        raise ValueError(f"{keyword} has many lines and not one value; select by another keyword")
