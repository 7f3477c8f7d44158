"""Normalization to the exposure time: DN to DN per second."""

from __future__ import annotations

from astropy import units as u
from astropy.nddata import CCDData

from aia_ccdproc.errors import HeaderError, StateError
from aia_ccdproc.images.arithmetic import multiply
from aia_ccdproc.images.header import readable_header
from aia_ccdproc.images.values import finite_number
from aia_ccdproc.plugin.map_arguments import accepts_maps
from aia_ccdproc.steps.provenance import AddKeyword, record
from aia_ccdproc.steps.settings import ExposureSettings

__all__ = ["normalize_exposure"]

#: Units of counts.
_COUNT_UNITS = {u.DN, u.ct, u.adu, u.electron, u.photon}
#: Limit for exposure times, and for their inverses: others make float32 pixels 0 or infinite.
_MAX_SECONDS = 1e9


@accepts_maps
def normalize_exposure(ccd: CCDData, *, add_keyword: AddKeyword = True) -> CCDData:
    """Divide an image by its exposure time.

    Parameters
    ----------
    ccd : `~astropy.nddata.CCDData`
        Image in DN, shape ``(ny, nx)``, with ``EXPTIME`` in seconds in its header.
    add_keyword : bool, str, `~ccdproc.Keyword` or dict, optional
        As in ccdproc: what to record in the header of the result. By default a HISTORY line with the settings; False or
        None for nothing.

    Returns
    -------
    `~astropy.nddata.CCDData`
        New image in DN / s. Data and uncertainty are divided; mask, flags, PSF, WCS and header, EXPTIME included, are
        carried over.

    Raises
    ------
    HeaderError
        If ``EXPTIME`` is missing, not finite, not positive, or not possible (above 1e9 s or below 1e-9 s).
    StateError
        If the image is already per second, or its unit is not a count.

    Notes
    -----
    SSW's ``aia_prep`` does the same with ``/normalize``, but sets EXPTIME to 1. Here EXPTIME is not changed.
    """
    header = readable_header(ccd)
    parts = list(zip(ccd.unit.bases, ccd.unit.powers, strict=True))
    if any((u.s**-1).is_equivalent(base**power) for base, power in parts):
        raise StateError(f"the image is in {ccd.unit}: it was already divided by the exposure time")
    counts = [base for base, power in parts if power == 1 and any(base.is_equivalent(count) for count in _COUNT_UNITS)]
    if ccd.unit != u.dimensionless_unscaled and not counts:
        raise StateError(
            f"cannot normalize an image in {ccd.unit}: the unit is not a count (DN, ct, adu, electron, photon)"
        )
    exposure = finite_number(header, "EXPTIME")
    if exposure <= 0:
        raise HeaderError(f"EXPTIME is {exposure:g} s; an exposure time must be positive")
    if not 1 / _MAX_SECONDS < exposure < _MAX_SECONDS:
        raise HeaderError(f"EXPTIME is {exposure:g} s, which is not possible. Correct the header")
    result = multiply(ccd, u.Quantity(1 / exposure, 1 / u.s))
    record(result, "normalize_exposure", ExposureSettings(), add_keyword)
    return result
