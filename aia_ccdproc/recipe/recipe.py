"""Recipes: which steps are run, in which order, with which settings, on which images."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import (
    InstrumentError,
    RecipeError,
    RecipeProblem,
    suggestion,
    warn_renamed,
)
from aia_ccdproc.images.files import read_regular_file
from aia_ccdproc.images.history import printable
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.loading import get_plugin_manager
from aia_ccdproc.plugin.published import hint
from aia_ccdproc.recipe.changes import change_settings
from aia_ccdproc.recipe.check import check_recipe
from aia_ccdproc.recipe.named import builtin_recipes, named_recipes
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.recipe.selection import Selection
from aia_ccdproc.recipe.toml import MAX_BYTES

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["Recipe", "load_recipe"]


@dataclass(frozen=True, repr=False)
class Recipe:  # numpydoc ignore=PR02
    """A recipe that has been validated.

    Parameters
    ----------
    name : str
        Its name.
    steps : tuple of `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The steps, in the order in which they are run.
    description : str
        What it is for.
    select : `~aia_ccdproc.recipe.selection.Selection`
        The images that it is for; by default all.
    output : `~aia_ccdproc.recipe.output.OutputSettings`
        How the outputs are named and written.
    instrument : `~aia_ccdproc.Instrument`, optional
        The instrument of the images; by default it is identified by the header of each image.
    hdu : int or str, optional
        Number or name of the HDU that contains the image, for files that contain more than one.
    """

    name: str
    steps: tuple[RecipeStep, ...]
    description: str = ""
    select: Selection = field(default_factory=Selection)
    output: OutputSettings = field(default_factory=OutputSettings)
    instrument: Instrument | None = None
    hdu: int | str | None = None

    def __iter__(self) -> Iterator[RecipeStep]:
        return iter(self.steps)

    def __repr__(self) -> str:
        return f"<Recipe {self.name}: {' -> '.join(step.use for step in self.steps)}>"

    def _repr_html_(self) -> str:
        from aia_ccdproc.report.notebook import html_table

        rows = [(step.use, step.settings.describe(), step.plugin or "", step.describe_images()) for step in self.steps]
        header = ("step", "settings", "plugin", "images")
        images = f"images: {self.select.describe()}" if self.select else ""
        return html_table(f"Recipe {self.name}", header, rows, "\n".join(filter(None, (self.description, images))))

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of what determines the pixels of an output.

        The digest depends on the steps and their settings, the versions of the distributions that may run them, the
        content of files that the settings name, and the compression. It does not depend on the name of the recipe, the
        images that it is for, the folders of files, or the content of URLs.

        Returns
        -------
        str
            The digest.

        Raises
        ------
        PluginError
            If a step or a plugin that it names is unknown.
        SettingsError
            If a file that the settings name cannot be read.
        """
        manager = get_plugin_manager()
        known = manager.steps()
        content: list[Any] = []
        for step in self.steps:
            if step.use not in known:
                manager.check_step(step.use)  # raises the error
            content.append(step.fingerprint(known[step.use]))
        if self.output.compression != OutputSettings().compression:
            content.append(["output", self.output.compression])
        if self.instrument is not None:
            content.append(["instrument", self.instrument.name, self.instrument.plate_scale])
        if self.hdu is not None:
            content.append(["hdu", self.hdu])
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def mismatch(self, header: fits.Header) -> str | None:
        """Describe why the recipe is not for an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image.

        Returns
        -------
        str or None
            The condition of ``[select]`` that the image does not meet; None if it meets all.
        """
        if not self.select.needs_instrument:
            return self.select.mismatch(header)
        try:
            instrument = self.instrument or get_plugin_manager().identify(header)
        except InstrumentError as error:
            return str(error)
        return self.select.mismatch(header, instrument.name)

    def why_not(self, header: fits.Header) -> str:
        """Describe why the recipe is not for an image. This is the deprecated name of `mismatch`.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image.

        Returns
        -------
        str
            As `mismatch`, but empty if the image meets all conditions.
        """
        warn_renamed("Recipe.why_not", "Recipe.mismatch")
        return self.mismatch(header) or ""

    @property
    def cards(self) -> dict[str, tuple[str, str]]:
        """The header cards that record the recipe in an output.

        Returns
        -------
        dict
            RECIPE and RECIPEID, with comments.
        """
        return {
            "RECIPE": (printable(self.name), "Recipe of this image"),
            "RECIPEID": (self.digest, "SHA-256 of the recipe (first 16)"),
        }

    def with_settings(self, changes: Mapping[str, Any], *, folder: str | os.PathLike[str] | None = None) -> Recipe:
        """Return the recipe with other settings of its steps.

        Parameters
        ----------
        changes : mapping of str to object
            New values, by the names of the step and the setting: ``{"register.method": "bilinear"}``. They are
            validated as in a recipe. Settings that a ``[[step.when]]`` table changes for some images keep the values of
            that table.
        folder : path-like, optional
            Folder that relative paths start from; by default they are left as they are.

        Returns
        -------
        `Recipe`
            A new recipe. Its digest is that of a recipe file with these settings.

        Raises
        ------
        RecipeError
            If a step is not in the recipe, or a setting is unknown or has an invalid value; all problems are listed.
        """
        return replace(
            self, steps=change_settings(self.steps, changes, get_plugin_manager(), name=self.name, folder=folder)
        )

    @classmethod
    def from_toml(cls, text: str, *, name: str = "recipe", folder: str | os.PathLike[str] | None = None) -> Recipe:
        """Read a recipe from TOML and validate it.

        Parameters
        ----------
        text : str
            The recipe, in TOML.
        name : str
            Name or path of the recipe for error messages. If the recipe does not give its name, the stem is used.
        folder : path-like, optional
            Folder that relative paths start from; by default they are left as they are.

        Returns
        -------
        `Recipe`
            The recipe.

        Raises
        ------
        RecipeError
            If the recipe has problems; all of them are listed.
        """
        content = check_recipe(text, get_plugin_manager(), name=name, folder=folder)
        return cls(
            name=Path(name).stem if content.name is None else content.name,
            steps=tuple(content.step),
            description=content.description,
            select=content.select,
            output=content.output,
            instrument=None if content.plate_scale is None else Instrument.generic(content.plate_scale),
            hdu=content.hdu,
        )


def load_recipe(name_or_path: str | os.PathLike[str] | Recipe) -> Recipe:
    """Load and validate a recipe.

    Parameters
    ----------
    name_or_path : str, path-like or `Recipe`
        Name of a built-in recipe (``"level1.5"``, for example) or of a recipe of a plugin, or the path of a
        TOML file. A `Recipe` is returned as it is.

    Returns
    -------
    `Recipe`
        The recipe.

    Raises
    ------
    RecipeError
        If the recipe does not exist, is not a regular file of at most 1 MiB, cannot be read, or has problems; all of
        them are listed.
    """
    if isinstance(name_or_path, Recipe):
        return name_or_path
    name = os.fspath(name_or_path)
    known = builtin_recipes()
    if name not in known:  # plugins are asked only if they are needed
        known = named_recipes()
    if name in known:
        return Recipe.from_toml(known[name], name=name)
    if not name:
        raise RecipeError("recipe", [RecipeProblem("recipe", f"the name is empty; {suggestion(name, known)}")])
    path = Path(name)
    try:
        text = read_regular_file(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        message = f"no such file or built-in recipe; {hint('recipe', name, known)}"
        raise RecipeError(name, [RecipeProblem("recipe", message)]) from None
    except (OSError, ValueError) as error:  # not UTF-8, or a name that contains a null character
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(name, [RecipeProblem("recipe", f"cannot be read ({reason})")]) from error
    return Recipe.from_toml(text, name=name, folder=path.absolute().parent)
