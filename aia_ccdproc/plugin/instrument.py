"""Instruments, and the properties of them that the steps need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["GENERIC", "Instrument"]

#: Name that a recipe uses for an instrument that no plugin knows.
GENERIC = "generic"
#: Pixels along one side of the largest frame of an instrument whose frame is not known.
_LARGEST_FRAME = 32768
#: Largest relative difference between the plate scales of an instrument's channels.
_SCALE_TOLERANCE = 0.03


@dataclass(frozen=True)
class Instrument:  # numpydoc ignore=PR02
    """An instrument, as ``prep_identify`` returns it.

    Parameters
    ----------
    name : str
        Common name, ``"AIA"``.
    plate_scale : float
        Nominal scale of an unbinned pixel, in arcsec.
    shape : tuple of int or None
        Rows and columns of the unbinned full frame. None if it is not known: every image is then registered onto the
        whole level-1.5 grid, and no image is treated as a cutout.
    has_master_pointing : bool
        Whether `~aia_ccdproc.update_pointing` takes its pointing from AIA's master pointing table. Other instruments
        keep the pointing of their header.
    unit : str
        Unit of level-1 pixels, for files without a unit in the header.
    refused_steps : mapping of str to str
        Steps that must not be run for this instrument, and the reason. Running one raises `~aia_ccdproc.StateError`.
    """

    name: str
    plate_scale: float
    shape: tuple[int, int] | None
    has_master_pointing: bool = False
    unit: str = "DN"
    refused_steps: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def generic(cls, plate_scale: float) -> Instrument:
        """Return an instrument that no plugin knows.

        Parameters
        ----------
        plate_scale : float
            Scale of the unbinned pixels, in arcsec. Registration turns them into pixels of 0.6 arcsec.

        Returns
        -------
        `Instrument`
            An instrument without a known frame and without master pointing records.
        """
        return cls(GENERIC, plate_scale, None)

    def binning(self, scale: float, shape: tuple[int, int] | None = None) -> int:
        """Compute the binning of an image: the number of native pixels along one side of its pixels.

        Parameters
        ----------
        scale : float
            Plate scale of the image in arcsec per pixel.
        shape : tuple of int, optional
            Rows and columns of the image. A binned image is at most twice as large as the frame of the instrument; it
            may have a margin.

        Returns
        -------
        int
            1 for a native-scale image, n for an image binned n × n. 0 if the scale differs by more than 3 %, the
            spread of the channels, from a multiple of the nominal one; or if an image with this binning would be larger
            than the frame of the instrument.
        """
        factor = scale / self.plate_scale
        if not 0.5 < factor < _LARGEST_FRAME:
            return 0
        nearest = round(factor)
        frame = self.shape or (_LARGEST_FRAME, _LARGEST_FRAME)
        for most, pixels in zip(frame, shape or (1, 1), strict=True):
            if nearest > 1 and (nearest > most or nearest * (pixels - 1) > 2 * most):
                return 0
        return nearest if nearest and abs(factor / nearest - 1) < _SCALE_TOLERANCE else 0
