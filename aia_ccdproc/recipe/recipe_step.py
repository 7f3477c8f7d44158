"""A step of a recipe."""

from __future__ import annotations

from typing import Any, NamedTuple

from astropy.io import fits

from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.recipe.selection import Selection

__all__ = ["RecipeStep", "Variant"]


class Variant(NamedTuple):
    """Other settings of a step, for some images."""

    where: Selection
    """The images."""
    settings: StepSettings | None
    """All of their settings; None: the step is left out."""


class RecipeStep(NamedTuple):
    """A step of a recipe: which, how, by whom if that was said, and for which images."""

    use: str
    settings: StepSettings
    plugin: str | None = None
    only: Selection = Selection()
    """The images that the step is run on."""
    when: tuple[Variant, ...] = ()
    """Where the settings are others: the first that fits counts."""

    def settings_for(self, header: fits.Header, instrument: str) -> StepSettings | None:
        """Give the settings for an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image before the first step.
        instrument : str
            Name of its instrument.

        Returns
        -------
        `~aia_ccdproc.plugin.settings.StepSettings` or None
            The settings; None if the step is left out for this image.
        """
        if self.only.why_not(header, instrument):
            return None
        for variant in self.when:
            if not variant.where.why_not(header, instrument):
                return variant.settings
        return self.settings

    def describe(self) -> list[Any]:
        """Write what the step does, as the recipe's digest needs it.

        Returns
        -------
        list
            Of what JSON can hold.
        """
        said: list[Any] = [self.use, self.plugin, self.settings.fingerprint()]
        if self.only or self.when:
            other = [(where.describe(), settings and settings.fingerprint()) for where, settings in self.when]
            said.append([self.only.describe(), other])
        return said
