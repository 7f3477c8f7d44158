"""Units of pixels as text."""

from __future__ import annotations

import functools
import warnings

from astropy import units as u

__all__ = ["unit_from_text"]


@functools.lru_cache(maxsize=64)
def unit_from_text(text: str) -> u.UnitBase | None:
    """Return the unit that a text names.

    Parameters
    ----------
    text : str
        The text, such as ``"DN/s"``.

    Returns
    -------
    `~astropy.units.UnitBase` or None
        The unit. None if the text is a description, such as ``"Arbitrary intensity units"``, or not one unit
        (``"DN,s"``), or if the unit could not be read again from a header (``"1E400 DN"``, whose scale is infinite).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)  # astropy warns of "DN/s/pixel", but reads it
        try:
            unit = u.Unit(text)
            u.Unit(unit.to_string())
        except ValueError:
            return None
    return None if isinstance(unit, u.StructuredUnit) else unit
