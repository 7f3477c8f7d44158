"""Captions of pictures."""

from __future__ import annotations

from astropy.io import fits

from aia_ccdproc.report.colors import get_channel

__all__ = ["image_caption", "instrument_name", "pointing_caption"]


def instrument_name(header: fits.Header) -> str:
    """Return the name of the instrument that took an image.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image.

    Returns
    -------
    str
        ``"AIA"``: the first part of INSTRUME, or of TELESCOP; empty if the header has neither.
    """
    return str(header.get("INSTRUME", header.get("TELESCOP", ""))).partition("_")[0].strip()


def image_caption(header: fits.Header) -> str:
    """Describe an image in one line.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image. Keywords that it lacks are left out.

    Returns
    -------
    str
        ``"AIA 171 Å, 2017-08-07T23:59:46, level 1"``.
    """
    channel = get_channel(header)
    time = str(header.get("T_OBS") or header.get("DATE-OBS") or "").strip()
    level = header.get("LVL_NUM")
    parts = [
        " ".join(filter(None, (instrument_name(header), f"{channel} Å" if channel is not None else ""))),
        time.removesuffix("Z").partition(".")[0] if "T" in time and "_" not in time else time,
        f"level {level:g}" if isinstance(level, int | float) else "",
    ]
    return ", ".join(filter(None, parts)) or "image"


def pointing_caption(header: fits.Header) -> str:
    """Tell where the pointing of an image comes from.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Header of the image.

    Returns
    -------
    str
        ``"pointing: aia.master_pointing3h[:#34506], jsoc.stanford.edu"``, or ``"pointing of the header"`` if
        ``update_pointing`` did not use a record.
    """
    if "MPO_TBEG" not in header:
        return "pointing of the header"
    parts = [str(header.get(keyword, "")).strip() for keyword in ("MPO_REC", "MPO_SRC")]
    return f"pointing: {', '.join(filter(None, parts))}"
