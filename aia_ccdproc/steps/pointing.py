"""Correction of the pointing keywords by the master pointing table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS

from aia_ccdproc.errors import HeaderError, PointingError, PointingWarning, PrepError, StateError, TableError, warn_user
from aia_ccdproc.images.arithmetic import copy_image
from aia_ccdproc.images.header import complete_header, image_wcs, with_header
from aia_ccdproc.images.history import add_history, printable
from aia_ccdproc.images.level15 import is_registered
from aia_ccdproc.images.times import observation_time
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.images.wcs import geometry_cards, plate_scale, sun_center, wcs_from_header
from aia_ccdproc.images.wcs_cards import without_wcs
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.map_arguments import accepts_maps
from aia_ccdproc.pointing.settings import PointingSettings
from aia_ccdproc.pointing.sources import find_record, prefetch
from aia_ccdproc.pointing.table import SERIES, PointingRecord
from aia_ccdproc.steps.provenance import AddKeyword, record

if TYPE_CHECKING:
    import drms

__all__ = ["correct_pointing", "prefetch_pointing", "update_pointing"]


@accepts_maps
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
        Source of the records: ``"auto"`` (the local cache, then JSOC), ``"cache"``, ``"jsoc"``, a table, or the path or
        URL of one (ECSV, or CSV with JSOC's columns). The sources of a list are asked in order until one has a record.
        ``"header"`` keeps the pointing of the header, and records that.
    on_missing : {"error", "keep"}
        What to do if no source has a record: raise an error, or keep the pointing of the header, warn, and record that
        in HISTORY.
    server : str or `drms.Client`, optional
        Another DRMS server than JSOC: a client, or the base URL of the server's CGIs (the URL of ``jsoc_info`` without
        that name).
    timeout : float
        Time limit for all network requests and retries together, in seconds.
    add_keyword : bool, str, `~ccdproc.Keyword` or dict, optional
        As in ccdproc: what to record in the header of the result. By default a HISTORY line with the settings; False or
        None for nothing.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image with the same pixels. CRPIX, CDELT, CROTA2, X0_MP, Y0_MP, IMSCL_MP, INST_ROT, R_SUN and MPO_REC are
        from the record, and the WCS is built from them. MPO_SRC, MPO_HASH and MPO_TBEG name the table and the record.
        Either all of these keywords are updated or none. Other keywords that depend on the geometry are computed again
        (XCEN, YCEN) or removed (alternate WCSs, CRDERn). If the instrument has no master pointing records, the pointing
        of the header is kept, and a line of HISTORY records this.

    Raises
    ------
    PointingError
        If no record covers T_OBS, or if the record has no value for the channel.
    StateError
        If the image is at level 1.5 or resampled. A record describes level-1 pixels at native scale.
    SettingsError
        If a setting has an invalid value.
    HeaderError
        If T_OBS, X0_MP, Y0_MP, CRPIX or SAT_ROT is missing.
    InstrumentError
        If no plugin knows the instrument.

    Notes
    -----
    The pixel of the Sun's center is shifted by the change of X0_MP and Y0_MP. This is correct for full frames; for
    cutouts, whose CRPIX counts from their corner; and for exposures not in SCIENCE mode, whose CRPIX contains a
    spacecraft offset that the header does not give. CROTA2 is INSTROT + SAT_ROT. JSOC's level-1.5 module and SSW's
    ``aia2wcsmin`` do the same.

    In files of JSOC, CRVAL is 0 and the Sun's center is at CRPIX. If CRVAL is not 0, it is kept, and CRPIX is such that
    the Sun's center is shifted as described, although scale and roll change.
    """
    header = complete_header(ccd)
    instrument = get_plugin_manager().identify(header)
    settings = PointingSettings.of(source=source, on_missing=on_missing, server=server, timeout=timeout)
    corrected = correct_pointing(header, instrument, settings, image_wcs(ccd, header))
    result = copy_image(with_header(ccd, corrected))
    record(result, "update_pointing", settings, add_keyword)
    return result


def prefetch_pointing(headers: Sequence[fits.Header], settings: PointingSettings) -> None:
    """Fetch the pointing records of all files of a batch in one query.

    Parameters
    ----------
    headers : sequence of `~astropy.io.fits.Header`
        Complete headers of the files.
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        Source of the records.
    """
    prefetch(settings, _times(headers))


def _times(headers: Sequence[fits.Header]) -> Iterator[Time]:
    """Yield T_OBS of the images that need a record."""
    for header in headers:
        try:
            instrument = get_plugin_manager().identify(header)
            if instrument.has_master_pointing and not is_registered(header, wcs_from_header(header)):
                yield observation_time(header)
        except PrepError:  # raised again when the file is processed
            continue


def correct_pointing(
    header: fits.Header, instrument: Instrument, settings: PointingSettings, wcs: WCS | None = None
) -> fits.Header:
    """Correct the pointing keywords of a complete header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header`
        Complete header; not changed.
    instrument : `~aia_ccdproc.Instrument`
        The instrument.
    settings : `~aia_ccdproc.pointing.settings.PointingSettings`
        Source of the records, and what to do without one.
    wcs : `~astropy.wcs.WCS`, optional
        WCS of the image; by default it is built from the header.

    Returns
    -------
    `~astropy.io.fits.Header`
        The corrected header. If the instrument has no master pointing records, a copy of the header with a HISTORY line
        that records this.
    """
    if not instrument.has_master_pointing:
        kept = header.copy()
        reason = f"{instrument.name} has no master pointing records"
        add_history(kept, f"update_pointing: {reason}; pointing of the header kept")
        return kept
    if wcs is None:
        wcs = wcs_from_header(header)
    if is_registered(header, wcs):
        raise StateError("the image is already at level 1.5. Run update_pointing before register")
    if settings.keeps_header:
        return _kept(header)
    try:
        _check_native_scale(wcs, instrument)
        return _corrected(header, wcs, instrument, settings)
    except (PointingError, StateError) as error:
        if isinstance(error, TableError):  # a wrong setting, not a missing record
            raise
        if settings.on_missing == "error":
            advice = 'Or keep the pointing of the header: --pointing header, or source = "header" in a recipe'
            raise type(error)(f"{error}. {advice}") from None
        kept = _kept(header)
        add_history(kept, f"update_pointing: pointing of the header kept: {error}")
        warn_user(f"pointing of the header kept: {error}", PointingWarning)
        return kept


def _kept(header: fits.Header) -> fits.Header:
    """Return a copy of the header that records that its pointing is its own."""
    kept = header.copy()
    for keyword in ("MPO_HASH", "MPO_TBEG"):  # of an earlier correction
        kept.remove(keyword, ignore_missing=True)
    kept["MPO_SRC"] = "header"
    return kept


def _check_native_scale(wcs: WCS, instrument: Instrument) -> None:
    scale = plate_scale(wcs)
    if instrument.binning(scale) != 1:
        raise StateError(
            f"the image is resampled: its plate scale is {scale:.4g} arcsec per pixel, but a record of {SERIES} "
            f"describes level-1 pixels of about {instrument.plate_scale:g} arcsec. Leave update_pointing out"
        )


def _corrected(header: fits.Header, wcs: WCS, instrument: Instrument, settings: PointingSettings) -> fits.Header:
    found = find_record(settings, observation_time(header), round(finite_number(header, "WAVELNTH")))
    scale = found.record.image_scale
    if instrument.binning(scale) != 1:
        raise PointingError(
            f"the record {found.record.name} of {found.provider} has an IMSCALE of {scale:g}, but the plate scale of "
            f"{instrument.name} is about {instrument.plate_scale:g} arcsec per pixel. Use another table"
        )
    corrected = _with_record(header, wcs, found.record)
    corrected["MPO_SRC"] = printable(found.provider)
    corrected["MPO_HASH"] = (found.digest, "First 16 digits of the table's SHA-256")
    return corrected


def _with_record(header: fits.Header, wcs: WCS, pointing: PointingRecord) -> fits.Header:
    if "X0_MP" not in header or "Y0_MP" not in header:
        raise HeaderError("X0_MP or Y0_MP is missing; both are needed to correct CRPIX")
    if any(str(header.get(key, "deg")).strip() != "arcsec" for key in ("CUNIT1", "CUNIT2")):
        cards = geometry_cards(wcs)
        header = without_wcs(header)
        header.update(cards)
    shift = np.array([pointing.x0 - finite_number(header, "X0_MP"), pointing.y0 - finite_number(header, "Y0_MP")])
    updates = {
        "CRPIX1": finite_number(header, "CRPIX1") + float(shift[0]),
        "CRPIX2": finite_number(header, "CRPIX2") + float(shift[1]),
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
            raise HeaderError(f"R_SUN cannot be computed for the new plate scale: {error}") from error
    corrected = header.copy()
    matrices = [matrix + element for matrix in ("PC", "CD") for element in ("1_1", "1_2", "2_1", "2_2")]
    for keyword in (*matrices, "CROTA", "CROTA1"):
        corrected.remove(keyword, ignore_missing=True)
    corrected.update(updates)
    if wcs.wcs.crval.any() or wcs.sip is not None:  # the Sun's center is not at CRPIX
        missed = sun_center(wcs) + shift - sun_center(wcs_from_header(corrected))
        if not np.isfinite(missed).all():
            raise HeaderError(
                f"the header does not give the Sun's center: the axes are {' and '.join(wcs.wcs.ctype)}, and CRVAL is "
                f"{wcs.wcs.crval * 3600} arcsec"
            )
        corrected["CRPIX1"] += float(missed[0])
        corrected["CRPIX2"] += float(missed[1])
    corrected["MPO_REC"] = (pointing.name, "Master pointing record")
    corrected["MPO_TBEG"] = (pointing.start, "T_START of the pointing record")
    return corrected
