"""Names of output files, made from the name of the input and from keywords of its header.

``{stem}`` is the name of the input without its extension. ``{stem_lev1p5}`` is the same with ``lev1p5`` in place of
``lev1`` at its end, or with ``_lev1p5`` after it. ``{WAVELNTH}``, ``{WAVELNTH:04d}`` and
``{T_OBS:%Y%m%dT%H%M%S}`` are keywords: unformatted, as a number, and as a time. ``/`` separates folders. No header can
produce a name outside the output folder.
"""

from __future__ import annotations

import functools
import os
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from aia_ccdproc.errors import HeaderError, SettingsError, WriteError, nearest_name
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.images.values import KEYWORD, as_number, as_text, is_empty

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["NamePattern", "is_fits_name", "level15_stem", "stem"]

_FITS_NAME = re.compile(r"\.(fits?|fts)(\.(gz|fz))?$", re.IGNORECASE)
#: The extensions that `aia_ccdproc.write` supports.
_EXTENSIONS = (".fits", ".fits.gz")
_STEM, _LEVEL15_STEM = "stem", "stem_lev1p5"
#: Fields that are made from the name of the input, not from its header.
_STEM_FIELDS = (_STEM, _LEVEL15_STEM)
#: End of the name of a level-1 file, as in JSOC's ``aia.lev1_euv_12s.2017-08-07T235946Z.171.image_lev1.fits``.
_LEVEL1_END = re.compile(r"(?<![A-Za-z0-9])(lev|level)1$", re.IGNORECASE)
_NUMBER_FORMAT = re.compile(r"0?([1-9]\d?)?(\.\d\d?)?[deEfFgGxX]$", re.ASCII)
#: Types of a format that need an integer.
_INTEGER_TYPES = "dxX"
#: The directives of strftime that give the same name on every system.
_DIRECTIVES = "YymbBdjHMSfUWVG"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE = re.compile(r"[^A-Za-z0-9.+_-]")
_UNSAFE_IN_PATH = re.compile(r"[^A-Za-z0-9.+_/-]")
#: Longest part of a path on common file systems.
_MAX_PART_BYTES = 255
#: Longest name; common systems allow four times as much for the whole path.
_MAX_NAME_BYTES = 1024


class _Field(NamedTuple):
    """A field of a pattern."""

    name: str
    format: str

    def fill(self, path: str | os.PathLike[str], header: fits.Header | None) -> str:
        """Return the text that replaces the field."""
        if self.name in _STEM_FIELDS:
            return stem(path) if self.name == _STEM else level15_stem(path)
        if header is None or self.name not in header:
            raise HeaderError(f"{self.name} is missing")
        value = header[self.name]
        if is_empty(value) or not as_text(value):
            raise HeaderError(f"{self.name} is empty")
        if "%" in self.format:
            return _UNSAFE_IN_PATH.sub("_", self._time(value))
        return _UNSAFE.sub("_", self._number(value) if self.format else as_text(value))

    def _time(self, value: object) -> str:
        try:
            time = parse_time(value if isinstance(value, str) else None)
            with ignore_erfa_warnings():
                return str(time.strftime(self.format))
        except (HeaderError, ValueError):
            raise HeaderError(f"{self.name} is {value!r}, not a time") from None

    def _number(self, value: object) -> str:
        number = as_number(value)
        if self.format[-1] in _INTEGER_TYPES and not isinstance(number, int):
            raise HeaderError(f"{self.name} is {value!r}, not a whole number as {self.format!r} needs")
        if number is None:
            raise HeaderError(f"{self.name} is {value!r}, not a number")
        try:
            return format(number, self.format)
        except OverflowError:
            raise HeaderError(f"{self.name} is {value!r}, too large") from None


@dataclass(frozen=True)
class NamePattern:  # numpydoc ignore=PR02
    """A pattern for the names of output files, relative to the output folder.

    Parameters
    ----------
    pattern : str
        ``"{stem_lev1p5}.fits"``, or ``"{WAVELNTH}/{T_OBS:%Y/%m/%d}/{stem}.fits"``.

    Raises
    ------
    SettingsError
        If the pattern is malformed, or can produce a name outside the folder, of a hidden file, or of a file that is
        not FITS.
    """

    pattern: str

    def __post_init__(self) -> None:
        # A field may become any text. A pattern that is unsafe with x instead of every field is always unsafe.
        example = "".join(_example(part) for part in self._parts)
        problem = _unsafe_reason(example)
        if not self.pattern.isprintable():
            problem = "contains a character that cannot be printed"
        if "\\" in self.pattern or _DRIVE.match(self.pattern):
            problem = "must be relative to the output folder, with / between its parts"
        if not example.endswith(_EXTENSIONS) or isinstance(self._parts[-1], _Field):
            problem = f"must end with {' or '.join(_EXTENSIONS)}"
        if problem is not None:
            raise SettingsError(f"the pattern {self.pattern!r} {problem}")

    @functools.cached_property
    def _parts(self) -> tuple[str | _Field, ...]:
        return tuple(_parse(self.pattern))

    @property
    def keywords(self) -> frozenset[str]:
        """The header keywords that the pattern contains.

        Returns
        -------
        frozenset of str
            The keywords. If it is empty, `fill` needs no header.
        """
        fields = {part.name for part in self._parts if isinstance(part, _Field)}
        return frozenset(fields.difference(_STEM_FIELDS))

    def fill(self, path: str | os.PathLike[str], header: fits.Header | None = None) -> PurePath:
        """Make the name of the output file of an input file.

        Parameters
        ----------
        path : str or path-like
            The input file.
        header : `~astropy.io.fits.Header`, optional
            Its header; needed if the pattern contains `keywords`. Characters of a value other than letters, digits,
            ``.``, ``-``, ``+`` and ``_`` become ``_``.

        Returns
        -------
        `~pathlib.PurePath`
            The name, relative to the output folder.

        Raises
        ------
        HeaderError
            If a keyword is missing or does not have the type that its format needs.
        WriteError
            If the name would be outside the folder, hidden, or too long.
        """
        try:
            name = "".join(part if isinstance(part, str) else part.fill(path, header) for part in self._parts)
        except HeaderError as error:
            raise HeaderError(f"cannot make a name from the pattern {self.pattern!r}: {error}") from None
        problem = _unsafe_reason(name)
        if problem is not None:
            raise WriteError(f"the name {name!r}, made from the pattern {self.pattern!r}, {problem}")
        return PurePath(name)


def stem(path: str | os.PathLike[str]) -> str:
    """Return the name of a FITS file without its extension.

    Parameters
    ----------
    path : str or path-like
        ``level1/aia_94.fits.gz``.

    Returns
    -------
    str
        ``aia_94``.
    """
    return _FITS_NAME.sub("", Path(path).name)


def level15_stem(path: str | os.PathLike[str]) -> str:
    """Return the name of the level-1.5 file of a level-1 file, without its extension.

    Parameters
    ----------
    path : str or path-like
        ``171.image_lev1.fits``, or a name that does not end with the level, ``aia_94.fits``.

    Returns
    -------
    str
        ``171.image_lev1p5``, or ``aia_94_lev1p5``.
    """
    name = stem(path)
    return f"{name}p5" if _LEVEL1_END.search(name) else f"{name}_lev1p5"


def is_fits_name(path: str | os.PathLike[str]) -> bool:
    """Check whether a file has the name of a FITS file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    bool
        True if it has an extension of FITS files, compressed ones included.
    """
    return _FITS_NAME.search(Path(path).name) is not None


def _example(part: str | _Field) -> str:
    if isinstance(part, str):
        return part
    return _DIRECTIVE.sub("x", part.format) if "%" in part.format else "x"


def _parse(pattern: str) -> Iterator[str | _Field]:
    try:
        found = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise SettingsError(f"the pattern {pattern!r} is malformed: {error}") from None
    for literal, name, spec, conversion in found:
        if literal:
            yield literal
        if name is not None:
            _check_field(pattern, name, spec or "", conversion)
            yield _Field(name, spec or "")


def _check_field(pattern: str, name: str, spec: str, conversion: str | None) -> None:
    field = f"the pattern {pattern!r}: {{{name}}}"
    if name not in _STEM_FIELDS and not KEYWORD.match(name):
        names = ", ".join(_STEM_FIELDS)
        raise SettingsError(f"{field} is not {names} or a header keyword (upper case){_field_hint(name)}")
    if conversion is not None:
        raise SettingsError(f"{field} takes no conversion (!{conversion})")
    if name in _STEM_FIELDS and spec:
        raise SettingsError(f"{field} takes no format ({spec!r})")
    if "%" in spec:
        for directive in _DIRECTIVE.findall(spec):
            if not directive or directive not in _DIRECTIVES:
                known = ", ".join(f"%{letter}" for letter in _DIRECTIVES)
                raise SettingsError(f"{field}: unknown %{directive} in {spec!r}; available: {known}")
    elif spec and not _NUMBER_FORMAT.match(spec):
        raise SettingsError(
            f"{field}: {spec!r} is not a format; use one such as 04d or .1f for numbers, %Y%m%d for times"
        )


def _field_hint(name: str) -> str:
    """Return the end of the message about an unknown field."""
    nearest = nearest_name(name, _STEM_FIELDS)
    if nearest is None and KEYWORD.match(name.upper()):
        nearest = name.upper()
    return "" if nearest is None else f"; did you mean {nearest!r}?"


def _unsafe_reason(name: str) -> str | None:
    """Return the reason why a name must not be used in the output folder; None if it may be used."""
    if name.startswith("/"):
        return "is absolute; it must be relative to the output folder"
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        return f"has more than {_MAX_NAME_BYTES} bytes"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return f"has the part {part!r}; it must stay in the output folder"
        if part.startswith("."):
            return f"has the hidden part {part!r}; names that start with a dot are reserved for temporary files"
        if len(os.fsencode(part)) > _MAX_PART_BYTES:
            return f"has a part of more than {_MAX_PART_BYTES} bytes"
    return None
