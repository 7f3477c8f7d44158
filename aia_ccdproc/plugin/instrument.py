"""What the chain has to know of an instrument."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Instrument"]


#: Name of an instrument that no plugin knows, in a recipe.
GENERIC = "generic"


@dataclass(frozen=True)
class Instrument:  # numpydoc ignore=PR02
    """An instrument, as ``prep_identify`` answers it.

    Parameters
    ----------
    name : str
        Name that people use, ``"AIA"``.
    plate_scale : float
        Nominal scale of an unbinned pixel, in arcsec.
    shape : tuple of int or None
        Rows and columns of the unbinned full frame; None where that is not known: every image is then registered
        onto the whole grid of level 1.5, and none is taken for a cutout.
    pointing_series : str, optional
        JSOC series of its pointing records; None where there is none.
    unit : str
        Unit of its level-1 pixels, for files that do not say.
    """

    name: str
    plate_scale: float
    shape: tuple[int, int] | None
    pointing_series: str | None = None
    unit: str = "DN"

    @classmethod
    def generic(cls, plate_scale: float) -> Instrument:
        """Describe an instrument that no plugin knows.

        Parameters
        ----------
        plate_scale : float
            Scale, in arcsec, of the pixels that become pixels of 0.6 arcsec.

        Returns
        -------
        `Instrument`
            Without a frame or a pointing series of its own.
        """
        return cls(GENERIC, plate_scale, None)

    def binning(self, scale: float) -> int:
        """Tell how many native pixels stand side by side in one pixel of an image.

        Parameters
        ----------
        scale : float
            Plate scale of the image in arcsec per pixel.

        Returns
        -------
        int
            1 for a native-scale image, n for one binned n × n; 0 where the scale is no
            whole multiple of the nominal one within the spread of the channels (3 %).
        """
        factor = scale / self.plate_scale
        nearest = round(factor)
        return nearest if nearest and abs(factor / nearest - 1) < 0.03 else 0
