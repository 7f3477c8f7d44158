"""Quick-look pictures: an image with its coordinates, a grid, the limb of the Sun and a color bar."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, get_args, overload

from astropy.nddata import CCDData
from PIL import Image

from aia_ccdproc.errors import PrepError, SettingsError, WriteError
from aia_ccdproc.images.files import atomic_write

__all__ = ["Background", "QuicklookOptions", "check_quicklook", "is_current", "quicklook"]

Background: TypeAlias = Literal["dark", "light"]

#: Allowed lengths of the image's longer side in the picture, in pixels.
_MIN_SIZE, _MAX_SIZE = 128, 8192


class QuicklookOptions(TypedDict, total=False):
    """Options of `quicklook`."""

    size: int
    background: Background


def check_quicklook(size: int = 1024, background: Background = "dark") -> None:
    """Check, before a batch starts, that quick-look pictures can be drawn.

    Parameters
    ----------
    size, background : int, str
        As in `quicklook`.

    Raises
    ------
    SettingsError
        If an option has an invalid value.
    PrepError
        If matplotlib is not installed.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not _MIN_SIZE <= size <= _MAX_SIZE:
        raise SettingsError(
            f"size = {size!r} of the quick-look picture is not an integer from {_MIN_SIZE} to {_MAX_SIZE}"
        )
    if background not in get_args(Background):
        raise SettingsError(f'background = {background!r} of the quick-look picture is neither "dark" nor "light"')
    try:
        import matplotlib.figure  # noqa: F401  its list of fonts is made here once, and not in every worker
    except ImportError:
        raise PrepError(
            "cannot draw quick-look pictures: matplotlib is not installed. "
            'Install it with: pip install "aia-ccdproc[plot]"'
        ) from None


@overload
def quicklook(ccd: CCDData, path: None = None, *, size: int = 1024, background: Background = "dark") -> Image.Image: ...
@overload
def quicklook(
    ccd: CCDData, path: str | os.PathLike[str], *, size: int = 1024, background: Background = "dark"
) -> Path: ...
def quicklook(
    ccd: CCDData, path: str | os.PathLike[str] | None = None, *, size: int = 1024, background: Background = "dark"
) -> Path | Image.Image:
    """Draw an image with its coordinates, a grid, the limb and a color bar.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image of any level, shape ``(ny, nx)``, with a celestial WCS.
    path : path-like, optional
        The PNG to write. An existing file is replaced. By default, nothing is written.
    size : int
        Largest length of the image's longer side, in pixels of the picture, from 128 to 8192. A full frame is averaged
        4 × 4 by default. The margins are added.
    background : {"dark", "light"}
        Color around the image.

    Returns
    -------
    `~pathlib.Path` or `~PIL.Image.Image`
        The PNG that was written; the same image gives the same bytes. Without a path, the picture, which a notebook
        shows.

    Raises
    ------
    TypeError
        If the value is not a CCDData.
    SettingsError
        If an option has an invalid value.
    PrepError
        If matplotlib is not installed.
    HeaderError
        If the image has no WCS.
    WriteError
        If the PNG cannot be written.
    """
    if not isinstance(ccd, CCDData):
        hint = "Read a file with aia_ccdproc.read, and convert a sunpy Map with aia_ccdproc.from_map"
        raise TypeError(f"quicklook takes a CCDData, not a value of type {type(ccd).__name__}. {hint}")
    check_quicklook(size, background)
    from aia_ccdproc.report.quicklook_figure import draw_figure

    figure, style = draw_figure(ccd, size, background), _style(size, background)
    if path is None:
        stream = io.BytesIO()
        _save(figure, stream, style)
        return Image.open(stream)
    target = Path(path)
    try:
        with atomic_write(target) as temporary:
            _save(figure, temporary, style)
    except OSError as error:
        raise WriteError(f"{target}: cannot write the quick-look picture ({error.strerror or error})") from error
    return target


def _style(size: int = 1024, background: Background = "dark") -> str:
    """Return the options as they are written into the PNG."""
    return f"size={size}, background={background}"


def _save(figure: Any, target: Path | io.BytesIO, style: str) -> None:
    figure.savefig(target, format="png", metadata={"Software": None, "Comment": style})


def is_current(picture: Path, output: Path, options: QuicklookOptions) -> bool:
    """Check whether a quick-look picture need not be drawn again.

    Parameters
    ----------
    picture : `~pathlib.Path`
        The picture.
    output : `~pathlib.Path`
        The image that it shows.
    options : `QuicklookOptions`
        Options that are wanted.

    Returns
    -------
    bool
        True if the picture exists, is not older than the image, and was drawn with these options.
    """
    if not picture.exists() or picture.stat().st_mtime_ns < output.stat().st_mtime_ns:
        return False
    try:
        with Image.open(picture) as opened:
            return opened.info.get("Comment") == _style(**options)
    except (OSError, ValueError):
        return False
