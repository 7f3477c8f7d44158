"""Conditions on QUALITY, the level-1 quality word of AIA, by the names of its bits.

The bits are those of JSOC's level-1 module (``lev0/apps/quallev1.h`` of its source code) and of the SDO user guide,
section 7.7.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aia_ccdproc.errors import suggestion
from aia_ccdproc.recipe.conditions import Condition, read_bits

__all__ = ["GOOD", "QUALITY", "QUALITY_BITS", "QualityCondition", "notable_quality", "quality_names", "read_quality"]

#: Key of the condition in a selection.
QUALITY = "quality"
#: Value of the condition for images without any bit.
GOOD = "good"

#: Bits of QUALITY by name.
QUALITY_BITS = {
    "no-flat-field": 0x1,
    "no-orbit": 0x2,
    "no-ancillary-data": 0x4,
    "no-master-pointing": 0x8,
    "no-limb-fit": 0x10,
    "missing-pixels": 0x100,
    "missing-1-percent": 0x200,
    "missing-5-percent": 0x400,
    "missing-25-percent": 0x800,
    "not-science-mode": 0x1000,
    "eclipse": 0x2000,
    "no-sun": 0x4000,
    "safe-mode": 0x8000,
    "dark": 0x10000,
    "open-loop": 0x20000,
    "calibration": 0x40000,
    "out-of-focus": 0x100000,
    "register-flag": 0x200000,
    "near-real-time": 0x40000000,
    "no-image": 0x80000000,
}
_ALL_BITS = 0xFFFFFFFF
#: Bits that no user needs to be warned of: the pixels of a near-real-time image are good.
_HARMLESS = QUALITY_BITS["near-real-time"]


def quality_names(bits: int) -> list[str]:
    """Return the names of the bits of a quality word.

    Parameters
    ----------
    bits : int
        The bits.

    Returns
    -------
    list of str
        ``["eclipse", "0x20"]``; bits without a name are a hexadecimal number.
    """
    names = [name for name, bit in QUALITY_BITS.items() if bits & bit]
    unnamed = bits & ~sum(QUALITY_BITS.values())
    return [*names, f"{unnamed:#x}"] if unnamed else names


def notable_quality(value: object) -> str | None:
    """Describe a quality word that a user should know of.

    Parameters
    ----------
    value : object
        Value of QUALITY in a header.

    Returns
    -------
    str or None
        ``"0x2000 (eclipse)"``; None if no bit is set, or only that of a near-real-time image.
    """
    number = read_bits(value)
    if number is None or not number & ~_HARMLESS:
        return None
    return f"{number:#x} ({', '.join(quality_names(number))})"


@dataclass(frozen=True)
class QualityCondition(Condition):
    """Bits that QUALITY must not have."""

    def mismatch(self, value: object) -> str | None:
        """Describe why a quality word does not meet the condition.

        Parameters
        ----------
        value : object
            Value of QUALITY in a header.

        Returns
        -------
        str or None
            ``"is 0x2000: eclipse"``; None if it meets the condition.
        """
        number = read_bits(value)
        if number is None:
            return f"is {value!r}, which is not an integer"
        rejected = number & self.reject_bits
        return f"is {number:#x}: {', '.join(quality_names(rejected))}" if rejected else None


def read_quality(content: Any) -> QualityCondition:
    """Read the condition on the quality from a recipe.

    Parameters
    ----------
    content : object
        ``"good"``, or a table with ``reject`` or ``allow``, which are lists of names.

    Returns
    -------
    `QualityCondition`
        The condition.

    Raises
    ------
    ValueError
        If the content is invalid.
    """
    if content == GOOD:
        return QualityCondition(reject_bits=_ALL_BITS)
    if not isinstance(content, Mapping) or len(content) != 1 or next(iter(content)) not in ("reject", "allow"):
        raise ValueError(
            f'{QUALITY} = {content!r}: should be "{GOOD}", {{ reject = [names] }} or {{ allow = [names] }}'
        )
    ((test, names),) = content.items()
    bits = _read_names(test, names)
    return QualityCondition(reject_bits=bits if test == "reject" else _ALL_BITS & ~bits)


def _read_names(test: str, names: Any) -> int:
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(f"{QUALITY}: {test} should be a list of names, not {names!r}")
    bits = 0
    for name in names:
        if name not in QUALITY_BITS:
            raise ValueError(f"{QUALITY}: {test}: unknown name {name!r}; {suggestion(str(name), QUALITY_BITS)}")
        bits |= QUALITY_BITS[name]
    return bits
