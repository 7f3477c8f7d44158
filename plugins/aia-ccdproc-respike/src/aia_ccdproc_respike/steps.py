"""The steps: spikes into an image, and out of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData

from aia_ccdproc import InstrumentError, StateError, get_plugin_manager
from aia_ccdproc.images import (
    as_number,
    complete_header,
    finite_number,
    image_wcs,
    is_registered,
    printable,
    with_header,
    without_statistics,
)
from aia_ccdproc_respike.camera import camera_corner, refuse_other_than_camera_pixels
from aia_ccdproc_respike.settings import SpikesSettings
from aia_ccdproc_respike.spikes import Spikes, fetch_spikes, find_spikes

if TYPE_CHECKING:
    import drms

__all__ = ["despike", "respike"]

_LEVEL_05, _LEVEL_1 = 0.5, 1.0
#: SPK_SRC of an image out of which nothing was taken: there is no file of its spikes.
_NOTHING = "NSPIKES is 0"


def respike(
    ccd: CCDData,
    spikes: Spikes | str | os.PathLike[str] = "jsoc",
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> CCDData:
    """Put the spikes back into a level-1 image, which makes it level 0.5.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image as the camera's pixels are, full frame or cutout, in DN, shape ``(ny, nx)``; not changed.
    spikes : `Spikes`, path-like or "jsoc"
        The spikes, the folder or the file that holds them as in `find_spikes`, or JSOC.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: the base URL of its CGIs, or a client.
    timeout : float
        Seconds after which to give up on the network, all tries together.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image, in which the pixels have their original values. LVL_NUM is 0.5 and NSPIKES 0; SPK_SRC and SPK_N say
        which spikes, and how many of them lie in the image. Mask and uncertainty are carried over.

    Raises
    ------
    InstrumentError
        If the image is not of AIA, or no series of JSOC is known to have spikes of its channel.
    SettingsError
        If a setting has a wrong value.
    StateError
        If the image is not as JSOC delivered it (respiked already, registered, turned, resampled, divided), or the
        spikes are of another exposure.
    HeaderError
        If LVL_NUM, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, SAT_ROT or CRPIX is missing.
    ReadError
        If there is no file of spikes, or it holds something else.
    TableError
        If JSOC has no spikes for the image, or does not answer.

    Notes
    -----
    The same is done by SSW's ``aia_respike``.
    """
    header = _header_of_aia(ccd)
    if _level(ccd, header) < _LEVEL_1:
        raise StateError(f"the image is at level {header['LVL_NUM']:g}: its spikes are in it already")
    refuse_other_than_camera_pixels(ccd, header)
    corner = camera_corner(header)
    known = as_number(header.get("NSPIKES"))
    found = _spikes_of(header, spikes, server, timeout, nothing=known == 0)
    if known is not None and known != len(found):
        raise StateError(
            f"{found.name} holds {len(found)} spikes, NSPIKES of the image is {known:g}: another exposure's"
        )
    where, here = found.inside(corner, ccd.shape)
    if here.replaced is not None:
        _refuse_other_pixels(np.asarray(ccd.data)[where], here)
    result = _with_pixels(ccd, header, where, here.original)
    result.header["LVL_NUM"] = _LEVEL_05
    result.header["NSPIKES"] = 0
    result.header["SPK_SRC"] = printable(found.name)
    result.header["SPK_N"] = (len(here), "Spikes put back into this image")
    return result


def despike(
    ccd: CCDData,
    spikes: Spikes | str | os.PathLike[str] = "jsoc",
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> CCDData:
    """Take the spikes out of a level-0.5 image again, as JSOC took them out.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        What `respike` made, full frame or a cutout of it, shape ``(ny, nx)``; not changed.
    spikes : `Spikes`, path-like or "jsoc"
        As in `respike`; the file needs its third row.
    server : str or `drms.Client`, optional
        As in `respike`.
    timeout : float
        As in `respike`.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image at level 1. Mask and uncertainty are carried over.

    Raises
    ------
    InstrumentError
        If the image is not of AIA, or no series of JSOC is known to have spikes of its channel.
    SettingsError
        If a setting has a wrong value.
    StateError
        If the image is not at level 0.5 or no longer as the camera's pixels are, the spikes are of another exposure, or
        the file does not say what was put in their place.
    HeaderError
        If LVL_NUM, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, SAT_ROT or CRPIX is missing.
    ReadError
        If there is no file of spikes, or it holds something else.
    TableError
        If JSOC has no spikes for the image, or does not answer.
    """
    header = _header_of_aia(ccd)
    if _level(ccd, header) != _LEVEL_05:
        raise StateError(f"the image is at level {header['LVL_NUM']:g}: its spikes are not in it; level 0.5 has them")
    refuse_other_than_camera_pixels(ccd, header)
    corner = camera_corner(header)
    found = _spikes_of(header, spikes, server, timeout, nothing=header.get("SPK_SRC") == _NOTHING)
    where, here = found.inside(corner, ccd.shape)
    if here.replaced is None:
        raise StateError(f"{found.name} has two rows: it does not say what was put in the place of the spikes")
    other = np.asarray(ccd.data)[where] != here.original
    if other.any():
        raise StateError(
            f"{found.name} is not what was put into the image: {other.sum()} of {len(here)} pixels hold something else"
        )
    result = _with_pixels(ccd, header, where, here.replaced)
    result.header["LVL_NUM"] = _LEVEL_1
    result.header["NSPIKES"] = len(found)
    result.header["SPK_N"] = 0
    return result


def _level(ccd: CCDData, header: fits.Header) -> float:
    if is_registered(header, image_wcs(ccd, header)):
        raise StateError("the image is at level 1.5 already; spikes are pixels of the camera, before registration")
    return finite_number(header, "LVL_NUM")


def _header_of_aia(ccd: CCDData) -> fits.Header:
    header = complete_header(ccd)
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(f"there are no files of spikes of {instrument.name}, only of AIA")
    return header


def _spikes_of(
    header: fits.Header,
    spikes: Spikes | str | os.PathLike[str],
    server: str | drms.Client | None,
    timeout: float,
    *,
    nothing: bool,
) -> Spikes:
    """Get the spikes of an image, from where they are; of one out of which nothing was taken, nowhere."""
    where = "jsoc" if isinstance(spikes, Spikes) else spikes
    settings = SpikesSettings.of(spikes=where, server=server, timeout=timeout)
    if isinstance(spikes, Spikes):
        found = spikes
    elif nothing:
        none = np.empty(0, dtype=np.int64)
        found = Spikes(none, none, none, name=_NOTHING)
    elif settings.spikes == "jsoc":
        found = fetch_spikes(header, server=settings.server, timeout=settings.timeout)
    else:
        found = find_spikes(settings.spikes, header)
    if found.fsn is not None and "FSN" in header and header["FSN"] != found.fsn:
        raise StateError(f"{found.name} is of exposure FSN={found.fsn}, the image of FSN={header['FSN']}")
    return found


def _refuse_other_pixels(pixels: np.ndarray, spikes: Spikes) -> None:
    """Refuse spikes that were taken out of other pixels than these.

    JSOC rounds what it puts in and cuts it to what int16 holds, so that a pixel may be one off here and there.
    """
    assert spikes.replaced is not None
    same = np.abs(pixels - np.clip(spikes.replaced, 0, 32767)) <= 1
    other = ~(same | (np.abs(pixels - spikes.replaced) <= 1))
    if other.sum() > len(spikes) / 2:
        raise StateError(
            f"{spikes.name} does not fit the image: {other.sum()} of {len(spikes)} pixels are not what was put in the "
            "place of its spikes. It is of another exposure, or the image was changed after level 1"
        )


def _with_pixels(
    ccd: CCDData, header: fits.Header, where: tuple[np.ndarray, np.ndarray], values: np.ndarray
) -> CCDData:
    result = with_header(ccd, without_statistics(header)).copy()
    result.data = result.data.astype(np.result_type(result.data.dtype, np.float32), copy=False)
    result.data[where] = values
    return result
