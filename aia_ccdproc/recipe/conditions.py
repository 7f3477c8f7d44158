"""Conditions: what the value of a keyword must be, as a recipe says it, and how a value fails."""

from __future__ import annotations

import datetime
import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from astropy.time import Time

from aia_ccdproc.errors import HeaderError, suggestion
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.images.values import as_number, as_text

__all__ = ["INSTRUMENT", "TESTS", "Condition", "read_condition"]

#: Stands among the keywords for the name of the instrument, as `prep_identify` gives it.
INSTRUMENT = "instrument"

Value: TypeAlias = str | int | float | bool
#: A number, or a time in ISO form, UTC.
Bound: TypeAlias = int | float | str

#: What can stand in the table of a keyword.
TESTS = ("min", "max", "not", "reject_bits")
_UINT32, _UINT64 = 2**32, 2**64


@dataclass(frozen=True)
class Condition:
    """What one keyword must be."""

    any_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    minimum: Bound | None = None
    maximum: Bound | None = None
    reject_bits: int = 0

    def why_not(self, value: object) -> str:
        """Say how a value fails.

        Parameters
        ----------
        value : object
            What the header has.

        Returns
        -------
        str
            ``"is 94, not 171 or 193"``; nothing if it does not fail.
        """
        if self.any_of and not any(_equal(value, wanted) for wanted in self.any_of):
            return f"is {_shown(value)}, not {' or '.join(map(_shown, self.any_of))}"
        if any(_equal(value, refused) for refused in self.none_of):
            return f"is {_shown(value)}, which is ruled out"
        for bound, sign in ((self.minimum, -1), (self.maximum, 1)):
            reason = "" if bound is None else _beyond(value, bound, sign)
            if reason:
                return reason
        return _why_bits(value, self.reject_bits) if self.reject_bits else ""

    def describe(self) -> str:
        """Write the condition in the one way there is to write it.

        Returns
        -------
        str
            ``"171, 193"``, ``"min 2020-01-01T00:00:00"``.
        """
        said = [", ".join(sorted(map(_shown, self.any_of)))] if self.any_of else []
        if self.none_of:
            said.append(f"not {', '.join(sorted(map(_shown, self.none_of)))}")
        if self.minimum is not None:
            said.append(f"min {self.minimum}")
        if self.maximum is not None:
            said.append(f"max {self.maximum}")
        if self.reject_bits:
            said.append(f"reject_bits {self.reject_bits:#x}")
        return "; ".join(said)


# -- comparing a header's value ------------------------------------------------------------------


def _equal(value: object, wanted: Value) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, str):
        return fnmatch.fnmatchcase(as_text(value).lower(), wanted.lower())
    return as_number(value) == wanted


def _beyond(value: object, bound: Bound, sign: int) -> str:
    """Say how a value lies below (sign -1) or above (1) a bound."""
    if isinstance(bound, str):
        try:
            time = parse_time(value if isinstance(value, str) else None)
        except HeaderError:
            return f"is {_shown(value)}, no time"
        with ignore_erfa_warnings():
            too_far = sign * (time - _time(bound)).sec > 0
        return f"is {as_text(value)}, {'after' if sign > 0 else 'before'} {bound}" if too_far else ""
    number = as_number(value)
    if number is None:
        return f"is {_shown(value)}, no number"
    too_far = number > bound if sign > 0 else number < bound
    return f"is {number}, {'more' if sign > 0 else 'less'} than {bound}" if too_far else ""


def _why_bits(value: object, mask: int) -> str:
    number = as_number(value)
    if not isinstance(number, int):
        return f"is {_shown(value)}, no whole number"
    if number < 0:  # as JSOC writes a 32-bit mask whose highest bit is set
        number += _UINT32 if number >= -(2**31) else _UINT64
    return f"is {number:#x}; of its bits {number & mask:#x} are refused" if number & mask else ""


@functools.lru_cache(maxsize=256)
def _time(text: str) -> Time:
    return parse_time(text)


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else as_text(value)


# -- reading a condition -------------------------------------------------------------------------


def read_condition(keyword: str, said: Any) -> Condition:
    """Read the condition of a keyword from a recipe.

    Parameters
    ----------
    keyword : str
        The keyword, or ``instrument``.
    said : object
        A value, a list of values, or a table of `TESTS`.

    Returns
    -------
    `Condition`
        The condition.

    Raises
    ------
    ValueError
        If it makes no sense.
    """
    if not isinstance(said, Mapping):
        return Condition(any_of=_values(keyword, said))
    if not said:
        raise ValueError(f"{keyword} = {{}} says nothing; {suggestion('', TESTS)}")
    for test in said:
        if test not in TESTS:
            raise ValueError(f"{keyword}: unknown test {test!r}; {suggestion(test, TESTS)}")
    if keyword == INSTRUMENT and set(said) != {"not"}:
        raise ValueError(f"{INSTRUMENT} is a name: it can be given, or ruled out by not")
    bounds = {test: _bound(f"{keyword}: {test}", said[test]) for test in ("min", "max") if test in said}
    _check_order(keyword, **bounds)
    return Condition(
        none_of=_values(f"{keyword}: not", said["not"]) if "not" in said else (),
        minimum=bounds.get("min"),
        maximum=bounds.get("max"),
        reject_bits=_bits(keyword, said["reject_bits"]) if "reject_bits" in said else 0,
    )


def _values(place: str, said: Any) -> tuple[Value, ...]:
    listed = said if isinstance(said, list | tuple) else [said]
    if not listed:
        raise ValueError(f"{place} = [] fits no value; name at least one")
    return tuple(_value(place, value) for value in listed)


def _value(place: str, value: Any) -> Value:
    if isinstance(value, datetime.date | datetime.time):
        raise ValueError(f"{place} = {value}: a time is compared by min and max")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.strip():
            raise ValueError(f"{place} = {value!r}: an empty text fits no value")
        return value.strip()
    number = as_number(value) if isinstance(value, int | float) else None
    if number is None:
        raise ValueError(f"{place} = {value!r}: should be a text, a number, true, false, or a list of these")
    return number


def _bound(place: str, value: Any) -> Bound:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(value, datetime.date):  # a datetime is one, too
        value = value.isoformat()
    if isinstance(value, str):
        return _canonical_time(place, value)
    number = as_number(value)
    if number is None:
        raise ValueError(f"{place} = {value!r}: should be a finite number or a time")
    return number


def _canonical_time(place: str, text: str) -> str:
    try:
        time = parse_time(text)
        with ignore_erfa_warnings():
            return str(Time(time, format="isot", precision=9).value).rstrip("0").rstrip(".")
    except (HeaderError, ValueError):
        raise ValueError(f"{place} = {text!r}: is no time; write it as 2020-01-01T00:00:00") from None


def _check_order(keyword: str, min: Bound | None = None, max: Bound | None = None) -> None:
    if min is None or max is None:
        return
    if isinstance(min, str) != isinstance(max, str):
        raise ValueError(f"{keyword}: min = {min} and max = {max} are a number and a time")
    if min > max:  # type: ignore[operator]  # times in one ISO form follow each other as their texts do
        raise ValueError(f"{keyword}: min = {min} is above max = {max}; nothing fits")


def _bits(keyword: str, mask: Any) -> int:
    if isinstance(mask, bool) or not isinstance(mask, int) or not 0 < mask < _UINT64:
        raise ValueError(f"{keyword}: reject_bits = {mask!r}: should be a bit mask, an integer such as 0x800100f0")
    return mask
