"""The functions `respike` and `despike`, which restore and remove the spikes of an image."""

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
    copy_image,
    finite_number,
    image_wcs,
    is_registered,
    printable,
    with_header,
    without_statistics,
)
from aia_ccdproc.plugin import accepts_maps
from aia_ccdproc_respike.camera import camera_corner, check_camera_pixels
from aia_ccdproc_respike.settings import SpikesSettings
from aia_ccdproc_respike.spikes import Spikes, fetch_spikes, find_spikes

if TYPE_CHECKING:
    import drms

__all__ = ["despike", "respike"]

_LEVEL_05, _LEVEL_1 = 0.5, 1.0
#: SPK_SRC of an image without spikes, which has no spikes file.
_NO_SPIKES = "NSPIKES is 0"


@accepts_maps
def respike(
    ccd: CCDData,
    spikes: Spikes | str | os.PathLike[str] = "jsoc",
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> CCDData:
    """Restore the spikes that JSOC removed from a level-1 image.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image in DN with the pixels of the camera, full frame or cutout, shape ``(ny, nx)``; not changed.
    spikes : `Spikes`, path-like or "jsoc"
        The spikes; or the folder or the file that contains them, as in `find_spikes`; or JSOC.
    server : str or `drms.Client`, optional
        DRMS server that is queried instead of JSOC: the base URL of its CGIs, or a client.
    timeout : float
        Time limit in seconds for a network request, retries included.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image at level 0.5, in which the pixels have their original values. LVL_NUM is 0.5 and NSPIKES is 0. SPK_SRC
        is the source of the spikes, and SPK_N is their number in the image. Mask and uncertainty are carried over.

    Raises
    ------
    InstrumentError
        If the image was not taken by AIA, or if no series with spikes of its channel is known.
    SettingsError
        If a setting has a wrong value.
    StateError
        If the image is not as JSOC delivered it (respiked, registered, rotated, resampled, divided), or if the spikes
        are those of another exposure.
    HeaderError
        If LVL_NUM, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, SAT_ROT or CRPIX is missing.
    ReadError
        If the spikes file does not exist or is not a spikes file.
    TableError
        If JSOC has no spikes of the image, or does not answer.

    Notes
    -----
    SSW's ``aia_respike`` does the same.
    """
    header = _aia_header(ccd)
    if _read_level(ccd, header) < _LEVEL_1:
        raise StateError(f"the image is at level {header['LVL_NUM']:g}: it already contains its spikes")
    check_camera_pixels(ccd, header)
    corner = camera_corner(header)
    known = as_number(header.get("NSPIKES"))
    found = _get_spikes(header, spikes, server, timeout, has_spikes=known != 0)
    if known is not None and known != len(found):
        raise StateError(
            f"{found.name} contains {len(found)} spike{'' if len(found) == 1 else 's'}, but NSPIKES of the image is "
            f"{known:g}: they are those of another exposure. Give the spikes of this exposure"
        )
    where, inside = found.inside(corner, ccd.shape)
    if inside.replaced is not None:
        _check_replaced_values(np.asarray(ccd.data)[where], inside)
    result = _with_values(ccd, header, where, inside.original)
    result.header["LVL_NUM"] = _LEVEL_05
    result.header["NSPIKES"] = 0
    result.header["SPK_SRC"] = printable(found.name)
    result.header["SPK_N"] = (len(inside), "Restored spikes in this image")
    return result


@accepts_maps
def despike(
    ccd: CCDData,
    spikes: Spikes | str | os.PathLike[str] = "jsoc",
    *,
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
) -> CCDData:
    """Remove the spikes from a level-0.5 image again, as JSOC removed them.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Result of `respike`, or a cutout of it, shape ``(ny, nx)``; not changed.
    spikes : `Spikes`, path-like or "jsoc"
        As in `respike`; the file must have three rows.
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
        If the image was not taken by AIA, or if no series with spikes of its channel is known.
    SettingsError
        If a setting has a wrong value.
    StateError
        If the image is not at level 0.5 or no longer has the pixels of the camera, if the spikes are those of another
        exposure, or if the file does not contain the values that replaced them.
    HeaderError
        If LVL_NUM, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, SAT_ROT or CRPIX is missing.
    ReadError
        If the spikes file does not exist or is not a spikes file.
    TableError
        If JSOC has no spikes of the image, or does not answer.
    """
    header = _aia_header(ccd)
    if _read_level(ccd, header) != _LEVEL_05:
        raise StateError(
            f"the image is at level {header['LVL_NUM']:g}: only level 0.5 contains spikes. Run respike first"
        )
    check_camera_pixels(ccd, header)
    corner = camera_corner(header)
    found = _get_spikes(header, spikes, server, timeout, has_spikes=header.get("SPK_SRC") != _NO_SPIKES)
    where, inside = found.inside(corner, ccd.shape)
    if inside.replaced is None:
        raise StateError(
            f"{found.name} has two rows: it does not contain the values that replaced the spikes. Give a file with "
            "three rows"
        )
    different = np.asarray(ccd.data)[where] != inside.original
    if different.any():
        raise StateError(
            f"{found.name} does not contain the spikes that were restored in the image: {different.sum()} of "
            f"{len(inside)} pixels have other values. Give the spikes of this exposure"
        )
    result = _with_values(ccd, header, where, inside.replaced)
    result.header["LVL_NUM"] = _LEVEL_1
    result.header["NSPIKES"] = len(found)
    result.header["SPK_N"] = 0
    return result


def _read_level(ccd: CCDData, header: fits.Header) -> float:
    if is_registered(header, image_wcs(ccd, header)):
        raise StateError(
            "the image is already at level 1.5: spikes are pixels of the camera. Run the step before register"
        )
    return finite_number(header, "LVL_NUM")


def _aia_header(ccd: CCDData) -> fits.Header:
    header = complete_header(ccd)
    instrument = get_plugin_manager().identify(header)
    if instrument.name != "AIA":
        raise InstrumentError(
            f"cannot restore or remove spikes in an image of {instrument.name}: spikes files exist only for AIA"
        )
    return header


def _get_spikes(
    header: fits.Header,
    spikes: Spikes | str | os.PathLike[str],
    server: str | drms.Client | None,
    timeout: float,
    *,
    has_spikes: bool,
) -> Spikes:
    """Read or fetch the spikes of an image, and check that they are those of its exposure."""
    source = "jsoc" if isinstance(spikes, Spikes) else spikes
    settings = SpikesSettings.of(spikes=source, server=server, timeout=timeout)
    if isinstance(spikes, Spikes):
        found = spikes
    elif not has_spikes:
        empty = np.empty(0, dtype=np.int64)
        found = Spikes(empty, empty, empty, name=_NO_SPIKES)
    elif settings.spikes == "jsoc":
        found = fetch_spikes(header, server=settings.server, timeout=settings.timeout)
    else:
        found = find_spikes(settings.spikes, header)
    if found.fsn is not None and "FSN" in header and header["FSN"] != found.fsn:
        raise StateError(
            f"{found.name} contains the spikes of exposure FSN={found.fsn}, but the image is FSN={header['FSN']}. "
            "Give the spikes of this exposure"
        )
    return found


def _check_replaced_values(pixels: np.ndarray, spikes: Spikes) -> None:
    """Check that an image contains the values that replaced the spikes.

    JSOC rounds these values and clips them to the range of int16, so that single pixels may differ by one.
    """
    assert spikes.replaced is not None
    clipped = np.clip(spikes.replaced, 0, 32767)
    different = ~((np.abs(pixels - clipped) <= 1) | (np.abs(pixels - spikes.replaced) <= 1))  # NaN is different
    if different.sum() > len(spikes) / 2:
        raise StateError(
            f"{spikes.name} does not match the image: {different.sum()} of {len(spikes)} pixels do not have the values "
            "that replaced the spikes. Give the spikes of this exposure and the original level-1 image"
        )


def _with_values(
    ccd: CCDData, header: fits.Header, where: tuple[np.ndarray, np.ndarray], values: np.ndarray
) -> CCDData:
    """Return a copy of an image with other values in some pixels."""
    result = copy_image(with_header(ccd, without_statistics(header)))
    result.data = result.data.astype(np.result_type(result.data.dtype, np.float32), copy=False)
    result.data[where] = values
    return result
