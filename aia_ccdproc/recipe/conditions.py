"""Conditions on the value of a header keyword, as a recipe gives them."""

from __future__ import annotations

import datetime
import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from aia_ccdproc.errors import HeaderError, suggestion
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.images.values import as_number, as_text

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["INSTRUMENT", "TESTS", "Condition", "read_bits", "read_condition"]

#: Key of the condition on the name of the instrument, which `prep_identify` finds. It is not a header keyword.
INSTRUMENT = "instrument"

Value: TypeAlias = str | int | float | bool
#: A number, or a time in ISO format, UTC.
Bound: TypeAlias = int | float | str

#: Keys of a condition that is a table, with what they mean.
TESTS = {
    "min": "Smallest value: a number or a time.",
    "max": "Largest value: a number or a time.",
    "not": "A value, or a list of values, that is refused.",
    "reject_bits": "Bit mask: an image with one of these bits set is refused.",
}
_UINT32, _UINT64 = 2**32, 2**64


@dataclass(frozen=True)
class Condition:
    """The values that one keyword may have."""

    any_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    minimum: Bound | None = None
    maximum: Bound | None = None
    reject_bits: int = 0

    @property
    def accepts_missing(self) -> bool:
        """Whether an image without the keyword meets the condition: it does not have the values that are ruled out.

        Returns
        -------
        bool
            True for a condition that only rules out values.
        """
        return self == Condition(none_of=self.none_of)

    def mismatch(self, value: object) -> str | None:
        """Describe why a value does not meet the condition.

        Parameters
        ----------
        value : object
            Value of the keyword in a header.

        Returns
        -------
        str or None
            ``"is 94, not 171 or 193"``; None if the value meets the condition.
        """
        if self.any_of and not any(_equal(value, wanted) for wanted in self.any_of):
            return f"is {_format(value)}, not {' or '.join(map(_format, self.any_of))}"
        if any(_equal(value, refused) for refused in self.none_of):
            return f"is {_format(value)}, which is excluded"
        reason = None
        if self.minimum is not None:
            reason = _bound_mismatch(value, self.minimum, is_maximum=False)
        if reason is None and self.maximum is not None:
            reason = _bound_mismatch(value, self.maximum, is_maximum=True)
        if reason is None and self.reject_bits:
            reason = _bits_mismatch(value, self.reject_bits)
        return reason

    def describe(self) -> str:
        """Write the condition as text; conditions with the same meaning give the same text.

        Returns
        -------
        str
            ``"171, 193"``, ``"min 2020-01-01T00:00:00"``.
        """
        parts = [", ".join(sorted(map(_format, self.any_of)))] if self.any_of else []
        if self.none_of:
            parts.append(f"not {', '.join(sorted(map(_format, self.none_of)))}")
        if self.minimum is not None:
            parts.append(f"min {self.minimum}")
        if self.maximum is not None:
            parts.append(f"max {self.maximum}")
        if self.reject_bits:
            parts.append(f"reject_bits {self.reject_bits:#x}")
        return "; ".join(parts)


# -- comparison with a value of a header -----------------------------------------------------------


def _equal(value: object, wanted: Value) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, str):
        return fnmatch.fnmatchcase(as_text(value).lower(), wanted.lower())
    return as_number(value) == wanted


def _bound_mismatch(value: object, bound: Bound, *, is_maximum: bool) -> str | None:
    if isinstance(bound, str):
        return _time_mismatch(value, bound, is_maximum=is_maximum)
    number = as_number(value)
    if number is None:
        return f"is {_format(value)}, which is not a number"
    if is_maximum:
        return f"is {number}, more than {bound}" if number > bound else None
    return f"is {number}, less than {bound}" if number < bound else None


def _time_mismatch(value: object, bound: str, *, is_maximum: bool) -> str | None:
    try:
        time = parse_time(value if isinstance(value, str) else None)
    except HeaderError:
        return f"is {_format(value)}, which is not a time"
    with ignore_erfa_warnings():
        seconds = (time - _parse_bound(bound)).sec
    if is_maximum:
        return f"is {as_text(value)}, after {bound}" if seconds > 0 else None
    return f"is {as_text(value)}, before {bound}" if seconds < 0 else None


def _bits_mismatch(value: object, mask: int) -> str | None:
    number = read_bits(value)
    if number is None:
        return f"is {_format(value)}, which is not an integer"
    return f"is {number:#x}, which contains the rejected bits {number & mask:#x}" if number & mask else None


def read_bits(value: object) -> int | None:
    """Read a bit mask from a header.

    Parameters
    ----------
    value : object
        Value of the keyword. JSOC writes a 32-bit mask as a signed number.

    Returns
    -------
    int or None
        The mask, not negative; None if the value is not an integer.
    """
    number = as_number(value)
    if not isinstance(number, int):
        return None
    if number < 0:
        number += _UINT32 if number >= -(2**31) else _UINT64
    return number


@functools.lru_cache(maxsize=256)
def _parse_bound(text: str) -> Time:
    return parse_time(text)


def _format(value: object) -> str:
    return repr(value) if isinstance(value, str) else as_text(value)


# -- reading a condition from a recipe -------------------------------------------------------------


def read_condition(keyword: str, content: Any) -> Condition:
    """Read the condition on a keyword from a recipe.

    Parameters
    ----------
    keyword : str
        The keyword, or ``"instrument"``.
    content : object
        A value, a list of values, or a table with the keys `TESTS`.

    Returns
    -------
    `Condition`
        The condition.

    Raises
    ------
    ValueError
        If the content is invalid, or no value can meet the condition.
    """
    if not isinstance(content, Mapping):
        return Condition(any_of=_read_values(keyword, content))
    if not content:
        raise ValueError(f"{keyword} = {{}} is empty; {suggestion('', TESTS)}")
    for test in content:
        if test not in TESTS:
            raise ValueError(f"{keyword}: unknown test {test!r}; {suggestion(test, TESTS)}")
    if keyword == INSTRUMENT and set(content) != {"not"}:
        raise ValueError(f"{INSTRUMENT} is a name: give a name, a list of names, or a table with not")
    minimum, maximum = (
        _read_bound(f"{keyword}: {test}", content[test]) if test in content else None for test in ("min", "max")
    )
    _check_bounds(keyword, minimum, maximum)
    return Condition(
        none_of=_read_values(f"{keyword}: not", content["not"]) if "not" in content else (),
        minimum=minimum,
        maximum=maximum,
        reject_bits=_read_bits(keyword, content["reject_bits"]) if "reject_bits" in content else 0,
    )


def _read_values(label: str, content: Any) -> tuple[Value, ...]:
    values = content if isinstance(content, list | tuple) else [content]
    if not values:
        raise ValueError(f"{label} = [] is empty; give at least one value")
    return tuple(_read_value(label, value) for value in values)


def _read_value(label: str, value: Any) -> Value:
    if isinstance(value, datetime.date | datetime.time):
        raise ValueError(f"{label} = {value}: a time cannot be compared for equality; use min and max")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.strip():
            raise ValueError(f"{label} = {value!r} is an empty string; give a value")
        return value.strip()
    number = as_number(value) if isinstance(value, int | float) else None
    if number is None:
        raise ValueError(f"{label} = {value!r}: should be a string, a finite number, true, false, or a list of these")
    return number


def _read_bound(label: str, value: Any) -> Bound:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        try:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        except OverflowError:
            raise ValueError(f"{label} = {value} is outside the years 1 to 9999 in UTC") from None
    if isinstance(value, datetime.date):  # a datetime is a date, too
        value = value.isoformat()
    if isinstance(value, str):
        return _canonical_time(label, value)
    number = as_number(value)
    if number is None:
        raise ValueError(f"{label} = {value!r}: should be a finite number or a time")
    return number


def _canonical_time(label: str, text: str) -> str:
    from astropy.time import Time

    try:
        time = parse_time(text)
        with ignore_erfa_warnings():
            return str(Time(time, format="isot", precision=9).value).rstrip("0").rstrip(".")
    except (HeaderError, ValueError):
        raise ValueError(f"{label} = {text!r}: is not a time; write it as 2020-01-01T00:00:00") from None


def _check_bounds(keyword: str, minimum: Bound | None, maximum: Bound | None) -> None:
    if minimum is None or maximum is None:
        return
    if isinstance(minimum, str) != isinstance(maximum, str):
        raise ValueError(f"{keyword}: min = {minimum} and max = {maximum} should be two numbers or two times")
    if minimum > maximum:  # type: ignore[operator]  # times in one ISO format sort like their text
        raise ValueError(f"{keyword}: min = {minimum} is above max = {maximum}, which excludes every image")


def _read_bits(keyword: str, mask: Any) -> int:
    if isinstance(mask, bool) or not isinstance(mask, int) or not 0 < mask < _UINT64:
        raise ValueError(f"{keyword}: reject_bits = {mask!r}: should be a bit mask, an integer such as 0x800100f0")
    return mask
