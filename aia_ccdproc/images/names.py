"""Names of outputs, made from the name of the input and from keywords of its header.

``{stem}`` is the input's name without its ending; ``{WAVELNTH}``, ``{WAVELNTH:04d}`` and ``{T_OBS:%Y%m%dT%H%M%S}``
are keywords as they stand, as numbers and as times. ``/`` makes folders. Whatever a header holds, a name stays in the
folder of the outputs.
"""

from __future__ import annotations

import functools
import os
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

from astropy.io import fits

from aia_ccdproc.errors import HeaderError, SettingsError, WriteError, suggestion
from aia_ccdproc.images.times import ignore_erfa_warnings, parse_time
from aia_ccdproc.images.values import KEYWORD, as_number, as_text, is_empty

__all__ = ["NamePattern", "is_fits_name", "stem"]

_FITS_NAME = re.compile(r"\.(fits?|fts)(\.(gz|fz))?$", re.IGNORECASE)
#: The endings that `aia_ccdproc.write` knows.
_ENDINGS = (".fits", ".fits.gz")
_STEM = "stem"
_NUMBER = re.compile(r"0?([1-9]\d?)?(\.\d\d?)?[deEfFgGxX]$", re.ASCII)
_WHOLE = "dxX"
#: What of strftime gives the same name everywhere.
_DIRECTIVES = "YymbBdjHMSfUWVG"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSAFE = re.compile(r"[^A-Za-z0-9.+_-]")
_UNSAFE_IN_PATH = re.compile(r"[^A-Za-z0-9.+_/-]")
#: Bytes; what the usual file systems take.
_LONGEST_PART = 255


class _Field(NamedTuple):
    """A field of a pattern."""

    name: str
    format: str

    def fill(self, path: str | os.PathLike[str], header: fits.Header | None) -> str:
        """Give the text that stands for it."""
        if self.name == _STEM:
            return stem(path)
        if header is None or self.name not in header:
            raise HeaderError(f"there is no {self.name}")
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
            raise HeaderError(f"{self.name} is {value!r}, no time") from None

    def _number(self, value: object) -> str:
        number = as_number(value)
        if self.format[-1] in _WHOLE and not isinstance(number, int):
            raise HeaderError(f"{self.name} is {value!r}, no whole number for {self.format!r}")
        if number is None:
            raise HeaderError(f"{self.name} is {value!r}, no number")
        try:
            return format(number, self.format)
        except OverflowError:
            raise HeaderError(f"{self.name} is {value!r}, too large") from None


@dataclass(frozen=True)
class NamePattern:  # numpydoc ignore=PR02
    """A pattern of output names, relative to the folder of the outputs.

    Parameters
    ----------
    pattern : str
        ``"{stem}_lev1p5.fits"``, or ``"{WAVELNTH}/{T_OBS:%Y/%m/%d}/{stem}.fits"``.

    Raises
    ------
    SettingsError
        If it is malformed, might lead out of the folder, to a hidden file, or to one that is not FITS.
    """

    pattern: str

    def __post_init__(self) -> None:
        # A field may become any text: what is wrong with x in all places is wrong with every name.
        example = "".join(_example(part) for part in self._parts)
        said = f"the pattern {self.pattern!r}"
        if not example.endswith(_ENDINGS) or isinstance(self._parts[-1], _Field):
            raise SettingsError(f"{said} should end with {' or '.join(_ENDINGS)}")
        wrong = "holds a character that cannot be printed" if not self.pattern.isprintable() else _why_unsafe(example)
        if "\\" in self.pattern or _DRIVE.match(self.pattern):
            wrong = "should be relative to the folder of the outputs, with / between its parts"
        if wrong:
            raise SettingsError(f"{said} {wrong}")

    @functools.cached_property
    def _parts(self) -> tuple[str | _Field, ...]:
        return tuple(_parse(self.pattern))

    @property
    def keywords(self) -> frozenset[str]:
        """The header keywords that a name needs.

        Returns
        -------
        frozenset of str
            Keywords; if there are none, no header has to be read.
        """
        return frozenset(part.name for part in self._parts if isinstance(part, _Field) and part.name != _STEM)

    def fill(self, path: str | os.PathLike[str], header: fits.Header | None = None) -> PurePath:
        """Name the output of an input.

        Parameters
        ----------
        path : str or path-like
            The input.
        header : `~astropy.io.fits.Header`, optional
            Its header; needed if there are `keywords`. What is no letter, digit, ``.``, ``-``, ``+`` or ``_`` in a
            value becomes ``_``.

        Returns
        -------
        `~pathlib.PurePath`
            The name, relative to the folder of the outputs.

        Raises
        ------
        HeaderError
            If a keyword is missing, or not what its format needs.
        WriteError
            If the name would lie outside the folder, be hidden, or be too long.
        """
        try:
            name = "".join(part if isinstance(part, str) else part.fill(path, header) for part in self._parts)
        except HeaderError as error:
            raise HeaderError(f"{self.pattern} cannot be filled in: {error}") from None
        wrong = _why_unsafe(name)
        if wrong:
            raise WriteError(f"{name!r}, made by {self.pattern!r}, {wrong}")
        return PurePath(name)


def stem(path: str | os.PathLike[str]) -> str:
    """Take the ending of a FITS file off its name.

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


def is_fits_name(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a FITS file by its name.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    bool
        Whether it ends as FITS files do, packed ones too.
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
    said = f"the pattern {pattern!r}: {{{name}}}"
    if name != _STEM and not KEYWORD.match(name):
        near = suggestion(name, [_STEM])
        if KEYWORD.match(name.upper()) and not near.startswith("did"):
            near = f"did you mean {name.upper()!r}?"
        raise SettingsError(f"{said} is neither stem nor a header keyword, which is upper case; {near}")
    if conversion is not None:
        raise SettingsError(f"{said} takes no conversion (!{conversion})")
    if name == _STEM and spec:
        raise SettingsError(f"{said} takes no format ({spec!r})")
    if "%" in spec:
        for directive in _DIRECTIVE.findall(spec):
            if not directive or directive not in _DIRECTIVES:
                known = ", ".join(f"%{letter}" for letter in _DIRECTIVES)
                raise SettingsError(f"{said}: unknown %{directive} in {spec!r}; there are: {known}")
    elif spec and not _NUMBER.match(spec):
        raise SettingsError(f"{said}: {spec!r} is no format; write one as 04d or .1f for numbers, %Y%m%d for times")


def _why_unsafe(name: str) -> str:
    """Say why a name cannot be used below a folder; nothing if it can."""
    if name.startswith("/"):
        return "is absolute; it should be relative to the folder of the outputs"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return f"has the part {part!r}; it has to stay in the folder of the outputs"
        if part.startswith("."):
            return f"has the hidden part {part!r}; names with a dot in front are those of unfinished files"
        if len(os.fsencode(part)) > _LONGEST_PART:
            return f"has a part of more than {_LONGEST_PART} bytes"
    return ""
