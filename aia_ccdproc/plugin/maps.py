"""Images as sunpy Maps, and Maps as images."""

from __future__ import annotations

import math
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, PrepError, warn_user
from aia_ccdproc.images.conventions import apply_conventions
from aia_ccdproc.images.header import complete_header
from aia_ccdproc.images.repair import image_cards, repair_header
from aia_ccdproc.images.wcs import wcs_from_header
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.map_arguments import describe_type, is_map

if TYPE_CHECKING:
    from sunpy.map import GenericMap

__all__ = ["from_map", "to_map"]

#: Keys of a Map whose lines are one card each.
_COMMENTARY = ("COMMENT", "HISTORY")


def from_map(image_map: GenericMap, *, copy: bool = True) -> CCDData:
    """Convert a sunpy Map to an image.

    Parameters
    ----------
    image_map : `~sunpy.map.GenericMap`
        The Map, shape ``(ny, nx)``; not changed.
    copy : bool
        Whether the pixels are copied. Without a copy, image and Map may share pixels, mask and uncertainty.

    Returns
    -------
    `~astropy.nddata.CCDData`
        The image. Pixels are those of the Map: floats keep their type, and integers become float32, or float64 if they
        have 32 bits or more. The mask is that of the Map, and contains the pixels that are not finite. If the Map has
        no unit, it is that of the instrument. The header contains all metadata that FITS allows, with the comments of
        the cards, and COMMENT and HISTORY.

    Raises
    ------
    TypeError
        If the value is not a Map.
    HeaderError
        If the metadata describe no celestial WCS.
    InstrumentError
        If the Map has no unit and no plugin knows its instrument.

    Warns
    -----
    PrepWarning
        If FITS has no form for some of the metadata, and they are left out.
    """
    if not is_map(image_map):
        raise TypeError(f"from_map takes a sunpy Map, not {describe_type(image_map)}")
    header, left_out = _header_of(image_map.meta)
    if image_map.data.ndim != 2:
        raise HeaderError(f"the Map has {image_map.data.ndim} axes, not 2")
    header["NAXIS2"], header["NAXIS1"] = image_map.data.shape
    wcs = wcs_from_header(header)
    unit = image_map.unit
    if unit is None:
        unit = u.Unit(get_plugin_manager().identify(header).unit)
    dtype = np.result_type(image_map.data.dtype, np.float32)
    data = np.array(image_map.data, dtype=dtype) if copy else np.asarray(image_map.data, dtype=dtype)
    mask, invalid = image_map.mask, ~np.isfinite(data)
    if mask is not None:
        mask = np.broadcast_to(mask, data.shape) | invalid
    elif invalid.any():
        mask = invalid
    uncertainty = image_map.uncertainty
    if uncertainty is not None:
        uncertainty = type(uncertainty)(uncertainty.array, copy=copy)
    if left_out:
        warn_user(f"from_map: {', '.join(left_out)} left out: FITS has no form for them")
    return CCDData(data, unit=unit, mask=mask, uncertainty=uncertainty, header=header, wcs=wcs)


def to_map(ccd: CCDData, *, copy: bool = True) -> GenericMap:
    """Convert an image to a sunpy Map.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        The image, shape ``(ny, nx)``; not changed.
    copy : bool
        Whether the pixels are copied. Without a copy, Map and image share pixels, mask and uncertainty.

    Returns
    -------
    `~sunpy.map.GenericMap`
        The Map, of sunpy's class for the instrument, with pixels, unit, mask and uncertainty of the image. Its metadata
        are the complete header, as sunpy reads it from a file: comments of cards are in ``meta["keycomments"]``, and
        the lines of COMMENT and HISTORY are joined.

    Raises
    ------
    TypeError
        If the value is not a CCDData.
    HeaderError
        If the image has no WCS.
    PrepError
        If sunpy is not installed, or cannot make a Map of this header.

    Warns
    -----
    PrepWarning
        If the image has flags or a PSF: a Map cannot contain them.
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"to_map takes a CCDData, not {describe_type(ccd)}. Read a file with aia_ccdproc.read")
    try:
        from sunpy.map import Map
        from sunpy.map.mapbase import MapMetaValidationError
    except ImportError as error:
        raise PrepError('to_map needs sunpy. Run pip install "aia-ccdproc[sunpy]"') from error
    header = complete_header(ccd)
    header["BUNIT"] = (ccd.unit.to_string(), "Unit of the pixels")
    dropped = [name for name in ("flags", "psf") if getattr(ccd, name) is not None]
    if dropped:
        warn_user(f"to_map: {' and '.join(dropped)} dropped: a Map cannot have them")
    planes: dict[str, Any] = {}
    if ccd.mask is not None:
        planes["mask"] = np.array(ccd.mask, copy=copy or None)
    if ccd.uncertainty is not None:
        planes["uncertainty"] = type(ccd.uncertainty)(ccd.uncertainty.array, copy=copy)
    try:
        return Map(np.array(ccd.data, copy=copy or None), _meta_of(header), **planes)
    except MapMetaValidationError as error:
        raise HeaderError(f"sunpy cannot make a Map of the image: {str(error).strip()}") from error


def _meta_of(header: fits.Header) -> dict[str, Any]:
    """Convert a header to metadata as sunpy's reader makes them."""
    meta = {card.keyword: card.value for card in header.cards if card.keyword not in ("", *_COMMENTARY)}
    for keyword in _COMMENTARY:
        meta[keyword] = "\n".join(map(str, header[keyword])).strip() if keyword in header else ""
    comments = {card.keyword: card.comment for card in header.cards if card.comment}
    return {**meta, "KEYCOMMENTS": comments}


def _header_of(meta: Any) -> tuple[fits.Header, list[str]]:
    """Convert the metadata of a Map to a header as `read` makes it, and list the keys that FITS cannot have."""
    comments = {key.upper(): text for key, text in (meta.get("keycomments") or {}).items()}
    cards: list[fits.Card] = []
    left_out = []
    for key, value in meta.items():
        keyword = key.upper()
        if keyword in ("KEYCOMMENTS", ""):
            continue
        try:
            cards += _cards(keyword, value, comments.get(keyword, ""))
        except (ValueError, TypeError, fits.VerifyError):
            left_out.append(keyword)
    header = image_cards(repair_header(fits.Header(cards))[0])
    return header, [*left_out, *apply_conventions(header)]


def _cards(keyword: str, value: Any, comment: str) -> list[fits.Card]:
    """Make the cards of one key. A ValueError or VerifyError says that there are none."""
    with warnings.catch_warnings(), suppress(AttributeError):
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)  # HIERARCH, and comments that are cut
        if keyword in _COMMENTARY:
            return [fits.Card(keyword, line) for line in str(value).split("\n")] if value else []
        if isinstance(value, float | np.floating) and not math.isfinite(value):
            value = None
        card = fits.Card(keyword, value, comment)
        str(card)  # checks that the card can be written
        return [card]
    raise ValueError(keyword)
