"""What a pipeline must know about an instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["GENERIC", "Instrument"]

#: Name that a recipe uses for an instrument that no plugin knows.
GENERIC = "generic"
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
        Unit of level-1 pixels, for files that do not name one.
    refused_steps : mapping of str to str
        Steps that make no sense for this instrument, and the reason. Running one raises `~aia_ccdproc.StateError`.
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
            Scale, in arcsec, of the pixels that become pixels of 0.6 arcsec.

        Returns
        -------
        `Instrument`
            An instrument without a known frame and without master pointing records.
        """
        return cls(GENERIC, plate_scale, None)

    def binning(self, scale: float) -> int:
        """Compute how many native pixels lie along one side of an image's pixel.

        Parameters
        ----------
        scale : float
            Plate scale of the image in arcsec per pixel.

        Returns
        -------
        int
            1 for a native-scale image, n for an image binned n × n; 0 if the scale is not a multiple of the nominal
            one within the spread of the channels (3 %).
        """
        factor = scale / self.plate_scale
        nearest = round(factor)
        return nearest if nearest and abs(factor / nearest - 1) < _SCALE_TOLERANCE else 0
