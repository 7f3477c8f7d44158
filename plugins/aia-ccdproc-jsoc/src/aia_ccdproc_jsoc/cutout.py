"""Cutouts that JSOC makes of the images of an export (im_patch)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, Self

from aia_ccdproc import ReadError
from aia_ccdproc.images import open_fits

__all__ = ["Cutout"]

_TRACK = "track"


class Cutout(NamedTuple):
    """A field of view."""

    #: Center and size in arcsec, from the center of the Sun; x grows to the west, y to the north.
    x: float
    y: float
    width: float
    height: float
    #: Whether the field of view follows the rotation of the Sun.
    track: bool = False
    #: Time at which a field of view that is tracked has this center, UTC.
    time: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a field of view from an option.

        Parameters
        ----------
        text : str
            ``"-30,200,400,300"``: x, y, width and height in arcsec. ``",track"`` may end it.

        Returns
        -------
        `Cutout`
            The field of view, without a time.

        Raises
        ------
        ReadError
            If the text is not a field of view.
        """
        *numbers, last = [part.strip() for part in text.split(",")]
        track = last == _TRACK
        try:
            x, y, width, height = map(float, numbers if track else [*numbers, last])
        except ValueError:
            raise ReadError(
                f"cutout = {text!r} is not a field of view. Give x, y, width and height in arcsec: -30,200,400,300"
            ) from None
        if not (all(map(math.isfinite, (x, y))) and 0 < width < 5000 and 0 < height < 5000):
            raise ReadError(f"cutout = {text!r} is not a field of view: its width and height must be 0 to 5000 arcsec")
        return cls(x, y, width, height, track)

    def arguments(self) -> dict[str, object]:
        """Return the arguments of im_patch.

        Returns
        -------
        dict
            The arguments, by their names.
        """
        return {
            "t_ref": self.time,
            "t": 0 if self.track else 1,  # 1 disables tracking
            "r": 0,  # whole pixels: they keep the counts of the camera
            "c": 0,  # pixels beyond the limb are kept
            "locunits": "arcsec",
            "boxunits": "arcsec",
            "x": self.x,
            "y": self.y,
            "width": self.width,
            "height": self.height,
        }

    @property
    def label(self) -> str:
        """The field of view in the name of a file.

        Returns
        -------
        str
            ``"cutout_-30_200_400x300"``.
        """
        numbers = f"cutout_{self.x:g}_{self.y:g}_{self.width:g}x{self.height:g}"
        return f"{numbers}_{_TRACK}_{self.time[:19].replace(':', '')}" if self.track else numbers

    def check(self, path: Path) -> None:
        """Check that a file is not larger than the field of view. JSOC exports full frames if it cannot make cutouts.

        Parameters
        ----------
        path : `~pathlib.Path`
            The exported file.

        Raises
        ------
        ReadError
            If it is larger.
        """
        with open_fits(path) as hdus:
            image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS")), None)
            if image is None:
                raise ReadError("the exported file contains no image")
            shape = image.shape[::-1]
            scale = float(image.header.get("CDELT1") or 0)
        if scale > 0 and any(
            n * scale > size + 3 * scale for n, size in zip(shape, (self.width, self.height), strict=True)
        ):
            raise ReadError(
                f"the exported image has {shape[0]} x {shape[1]} pixels of {scale:.3g} arcsec. That is more than "
                f"{self.width:g} x {self.height:g} arcsec: JSOC did not make the cutout"
            )
