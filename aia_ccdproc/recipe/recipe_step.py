"""A step of a recipe: its settings, and the images that it is run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aia_ccdproc.errors import SettingsError
from aia_ccdproc.plugin.settings import StepSettings
from aia_ccdproc.plugin.step import Step
from aia_ccdproc.recipe.selection import Selection

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["RecipeStep", "Variant"]


class Variant(NamedTuple):
    """Other settings of a step for some images."""

    where: Selection
    """The images."""
    settings: StepSettings | None
    """All settings of the step for these images; None: the step is skipped."""


class RecipeStep(NamedTuple):
    """A step of a recipe."""

    use: str
    """Name of the step."""
    settings: StepSettings
    plugin: str | None = None
    """The distribution or entry point that the recipe chooses to run the step."""
    only: Selection = Selection()
    """The images that the step is run on."""
    when: tuple[Variant, ...] = ()
    """Other settings for some images; the first variant that matches an image is used."""

    def settings_for(self, header: fits.Header, instrument: str) -> StepSettings | None:
        """Return the settings for an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image before the first step.
        instrument : str
            Name of its instrument.

        Returns
        -------
        `~aia_ccdproc.plugin.settings.StepSettings` or None
            The settings; None if the step is skipped for this image.
        """
        if self.only.mismatch(header, instrument) is not None:
            return None
        for variant in self.when:
            if variant.where.mismatch(header, instrument) is None:
                return variant.settings
        return self.settings

    def describe_images(self) -> str:
        """Describe the images that the step is run on, and its settings for some of them.

        Returns
        -------
        str
            One line for the key ``only`` and one for each table ``[[step.when]]``; ``"all"`` if the step has neither.
        """
        lines = [f"only {self.only.describe()}"] if self.only else []
        for where, settings in self.when:
            lines.append(f"{where.describe()}: {'skipped' if settings is None else settings.describe()}")
        return "\n".join(lines) or "all"

    def fingerprint(self, step: Step) -> list[Any]:
        """Return what determines the result of the step, as the recipe's digest needs it.

        Parameters
        ----------
        step : `~aia_ccdproc.plugin.step.Step`
            The step that `use` names.

        Returns
        -------
        list
            The name, the settings and the versions of the distributions that may run the step, as values that JSON can
            represent.

        Raises
        ------
        SettingsError
            If a file that the settings name cannot be read.
        """
        used = [self.settings, *(variant.settings for variant in self.when if variant.settings is not None)]
        versions = sorted({version for settings in used for version in step.versions(settings, self.plugin)})
        content: list[Any] = [self.use, self.plugin, self._fingerprint(self.settings), versions]
        if self.only or self.when:
            variants = [(where.describe(), settings and self._fingerprint(settings)) for where, settings in self.when]
            content.append([self.only.describe(), variants])
        return content

    def _fingerprint(self, settings: StepSettings) -> str:
        try:
            return settings.fingerprint()
        except SettingsError as error:
            raise SettingsError(f"step {self.use}: {error}") from error.__cause__
