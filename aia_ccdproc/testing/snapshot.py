"""The contents of an image at one moment, for comparison with another image or with the same image later."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from astropy.nddata import CCDData

from aia_ccdproc.images.header import fits_header

__all__ = ["Snapshot"]

#: Shape, type and bytes of a plane; None if the image does not have it.
_Plane: TypeAlias = tuple[tuple[int, ...], str, bytes] | None


class Snapshot(NamedTuple):
    """A copy of everything in an image."""

    data: _Plane
    mask: _Plane
    uncertainty: tuple[str, _Plane]
    flags: _Plane
    psf: _Plane
    unit: str
    header: str
    wcs: str

    @classmethod
    def take(cls, ccd: CCDData) -> Snapshot:
        """Copy the contents of an image.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image.

        Returns
        -------
        `Snapshot`
            The copy.
        """
        uncertainty = ccd.uncertainty
        return cls(
            _copy_plane(ccd.data),
            _copy_plane(ccd.mask),
            (type(uncertainty).__name__, None if uncertainty is None else _copy_plane(uncertainty.array)),
            _copy_plane(ccd.flags),
            _copy_plane(ccd.psf),
            str(ccd.unit),
            fits_header(ccd).tostring(),
            "" if ccd.wcs is None else ccd.wcs.to_header_string(relax=True),
        )

    def differences(self, ccd: CCDData) -> list[str]:
        """Find the parts of an image that differ from this snapshot.

        Parameters
        ----------
        ccd : `~astropy.nddata.CCDData`
            The image.

        Returns
        -------
        list of str
            Names of parts: ``"data"``, ``"mask"``, ``"uncertainty"``, ``"flags"``, ``"psf"``, ``"unit"``,
            ``"header"``, ``"wcs"``.
        """
        other = Snapshot.take(ccd)
        return [part for part in self._fields if getattr(self, part) != getattr(other, part)]


def _copy_plane(plane: Any) -> _Plane:
    if plane is None:
        return None
    array = np.asarray(plane)
    return array.shape, str(array.dtype), array.tobytes()
