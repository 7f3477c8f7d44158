"""Pointing correction: the refined pointing of the master pointing table, put into the header."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.time import Time

from aia_ccdproc.errors import HeaderError, PointingError, PointingWarning, PrepError, StateError
from aia_ccdproc.images.header import complete_header, with_header
from aia_ccdproc.images.history import add_history, printable
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.times import observation_time
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import geometry_cards, plate_scale, wcs_from_header, without_wcs
from aia_ccdproc.plugin.hookspecs import hookimpl
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.manager import get_plugin_manager
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.sources import find_record, prefetch
from aia_ccdproc.pointing.table import PointingRecord
from aia_ccdproc.steps.provenance import AddKeyword, record

if TYPE_CHECKING:
    import drms

__all__ = ["update_pointing"]


def update_pointing(
    ccd: CCDData,
    *,
    source: str | os.PathLike[str] | Table | Sequence[str | os.PathLike[str] | Table] = "auto",
    on_missing: Literal["error", "keep"] = "error",
    server: str | drms.Client | None = None,
    timeout: float = 60.0,
    add_keyword: AddKeyword = True,
) -> CCDData:
    """Correct the pointing keywords of a level-1 image by the master pointing table.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Level-1 image at native scale, full frame or cutout, shape ``(ny, nx)``; not changed.
    source : str, path-like, `~astropy.table.Table`, or a list of these
        Where the records come from: ``"auto"`` (the local cache, then JSOC), ``"cache"``, ``"jsoc"``, a table,
        or the path or URL of one (ECSV, or CSV with JSOC's columns). Of a list the first that has a record.
    on_missing : {"error", "keep"}
        When no record can be had: fail, or keep the pointing of the header, warn, and say so in HISTORY.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: the base URL of its CGIs, under which ``jsoc_info`` lies, or a client.
    timeout : float
        Seconds after which to give up on the network, all tries together.
    add_keyword : bool, str, `~ccdproc.Keyword` or dict, optional
        As in ccdproc: what to record in the header of the result. By default a HISTORY line with the
        settings; False or None for nothing.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image with the same pixels. CRPIX, CDELT, CROTA2, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, R_SUN and
        MPO_REC are the record's, the WCS is made anew, and MPO_SRC, MPO_HASH and MPO_TBEG say which
        table and record were used. Either all of it is updated or nothing. An instrument without a series of pointing
        records keeps the pointing of its header, and HISTORY says so.

    Raises
    ------
    PointingError
        If no record covers T_OBS, or it lacks a value for the channel.
    StateError
        If the image is at level 1.5, or resampled: a record describes native level-1 pixels.
    SettingsError
        If a setting has a wrong value.
    HeaderError
        If T_OBS, X0_MP, Y0_MP, CRPIX or SAT_ROT is missing.
    InstrumentError
        If no plugin knows the instrument.

    Notes
    -----
    CRPIX moves by the change of X0_MP and Y0_MP: right for full frames, for cutouts, whose CRPIX counts from their
    corner, and for exposures not in SCIENCE mode, whose CRPIX holds a spacecraft offset that the header does not give.
    CROTA2 is INSTROT + SAT_ROT. The same is done by JSOC's level-1.5 module and SSW's ``aia2wcsmin``.
    """
    header = complete_header(ccd)
    instrument = get_plugin_manager().identify(header)
    settings = PointingSettings.of(source=source, on_missing=on_missing, server=server, timeout=timeout)
    result = with_header(ccd, correct_pointing(header, instrument, settings)).copy()
    record(result, "update_pointing", settings, add_keyword)
    return result


@hookimpl(trylast=True)
def prep_update_pointing(header: fits.Header, instrument: Instrument, settings: PointingSettings) -> fits.Header:
    """Correct the pointing of AIA; other instruments, whose pointing nobody else takes, keep what they have."""
    return correct_pointing(header, instrument, settings)


@hookimpl
def prep_before_batch(step: str, headers: Sequence[fits.Header], settings: StepSettings) -> None:
    """Ask for the pointing records of all files at once."""
    if step == "update_pointing" and isinstance(settings, PointingSettings):
        prefetch(settings, _times(headers))


def _times(headers: Sequence[fits.Header]) -> Iterator[Time]:
    """Give T_OBS of the images that a record will be asked for."""
    for header in headers:
        try:
            if get_plugin_manager().identify(header).pointing_series and not is_registered(header):
                yield observation_time(header)
        except PrepError:  # this file will say so itself
            continue


def correct_pointing(header: fits.Header, instrument: Instrument, settings: PointingSettings) -> fits.Header:
    """Correct the pointing keywords of a complete header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; not changed.
    instrument : `~aia_ccdproc.Instrument`
        The instrument.
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        Source of the records, and what to do without one.

    Returns
    -------
    `~astropy.io.fits.Header`
        The corrected header; an instrument that has no pointing series keeps its own, and HISTORY says so.
    """
    if instrument.pointing_series is None:
        kept = header.copy()
        add_history(kept, f"update_pointing: {instrument.name} has no pointing series; pointing of the header kept")
        return kept
    if is_registered(header):
        raise StateError("the image is at level 1.5 already; pointing is corrected before registration")
    try:
        _refuse_resampled(header, instrument)
        return _corrected(header, instrument, settings)
    except (PointingError, StateError) as error:
        if settings.on_missing == "error":
            raise type(error)(f'{error}, or set on_missing = "keep"') from error
        kept = header.copy()
        for keyword in ("MPO_HASH", "MPO_TBEG"):  # of an earlier correction
            kept.remove(keyword, ignore_missing=True)
        kept["MPO_SRC"] = "header"
        add_history(kept, f"update_pointing: pointing of the header kept: {error}")
        warnings.warn(f"pointing of the header kept: {error}", PointingWarning, stacklevel=3)
        return kept


def _refuse_resampled(header: fits.Header, instrument: Instrument) -> None:
    scale = plate_scale(header)
    if instrument.binning(scale) != 1:
        raise StateError(
            f"the image is resampled: {scale:.4g} arcsec per pixel; a record of {instrument.pointing_series} describes "
            f"level-1 pixels of about {instrument.plate_scale:g}. Leave update_pointing out"
        )


def _corrected(header: fits.Header, instrument: Instrument, settings: PointingSettings) -> fits.Header:
    found = find_record(settings, observation_time(header), round(finite_number(header, "WAVELNTH")))
    scale = found.record.image_scale
    if instrument.binning(scale) != 1:
        raise PointingError(
            f"the record {found.record.name} of {found.provider} has an IMSCALE of {scale:g}; "
            f"{instrument.name}'s is about {instrument.plate_scale:g} arcsec per pixel. Give another table"
        )
    corrected = _with_record(header, found.record)
    corrected["MPO_SRC"] = printable(found.provider)
    corrected["MPO_HASH"] = (found.digest, "SHA-256 of the pointing table (first 16)")
    return corrected


def _with_record(header: fits.Header, pointing: PointingRecord) -> fits.Header:
    if "X0_MP" not in header or "Y0_MP" not in header:
        raise HeaderError("X0_MP or Y0_MP is missing: CRPIX is shifted by their change")
    if any(str(header.get(key, "deg")).strip() != "arcsec" for key in ("CUNIT1", "CUNIT2")):
        cards = geometry_cards(wcs_from_header(header))
        header = without_wcs(header)
        header.update(cards)
    shift = (pointing.x0 - finite_number(header, "X0_MP"), pointing.y0 - finite_number(header, "Y0_MP"))
    updates = {
        "CRPIX1": finite_number(header, "CRPIX1") + shift[0],
        "CRPIX2": finite_number(header, "CRPIX2") + shift[1],
        "CDELT1": pointing.image_scale,
        "CDELT2": pointing.image_scale,
        "CROTA2": pointing.instrument_roll + finite_number(header, "SAT_ROT"),
        "X0_MP": pointing.x0,
        "Y0_MP": pointing.y0,
        "IMSCL_MP": pointing.image_scale,
        "INST_ROT": pointing.instrument_roll,
    }
    try:
        updates["R_SUN"] = finite_number(header, "RSUN_OBS") / pointing.image_scale
    except HeaderError as error:
        if "R_SUN" in header:
            raise HeaderError(f"R_SUN cannot follow the plate scale: {error}") from error
    corrected = header.copy()
    for matrix in ("PC", "CD"):
        for element in ("1_1", "1_2", "2_1", "2_2"):
            corrected.remove(matrix + element, ignore_missing=True)
    corrected.update(updates)
    corrected["MPO_REC"] = (pointing.name, "Master pointing record")
    corrected["MPO_TBEG"] = (pointing.start, "T_START of the pointing record")
    return corrected
