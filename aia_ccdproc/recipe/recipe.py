"""Recipes: which steps, in which order, with which settings. Checked whole before a pixel is read."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aia_ccdproc.errors import InstrumentError, RecipeError, RecipeProblem, suggestion
from aia_ccdproc.images.fits_file import read_header
from aia_ccdproc.images.history import printable
from aia_ccdproc.io import read
from aia_ccdproc.plugin.instrument import Instrument
from aia_ccdproc.plugin.manager import get_plugin_manager
from aia_ccdproc.recipe.check import RecipeCheck
from aia_ccdproc.recipe.output import OutputSettings
from aia_ccdproc.recipe.recipe_step import RecipeStep
from aia_ccdproc.recipe.selection import Selection

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData

__all__ = [
    "Recipe",
    "builtin_recipes",
    "load_recipe",
]


@dataclass(frozen=True)
class Recipe:  # numpydoc ignore=PR02
    """A recipe that has been checked.

    Parameters
    ----------
    name : str
        Its name.
    steps : tuple of `~aia_ccdproc.recipe.recipe_step.RecipeStep`
        The steps, in order.
    description : str
        What it is for.
    select : `~aia_ccdproc.recipe.selection.Selection`
        The images that it is for, by their headers; by default all.
    output : `~aia_ccdproc.recipe.output.OutputSettings`
        How the files that it makes are named and written.
    instrument : `~aia_ccdproc.Instrument`, optional
        The instrument of its images; by default each image's header tells.
    hdu : int or str, optional
        Number or name of the HDU that holds the image, for files that hold several.
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

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of what the recipe does.

        The content of the files that it names counts, and not where they lie; what lies behind a URL does not count,
        nor does the recipe's name, nor which images it is for.

        Returns
        -------
        str
            The digest.
        """
        content: list[Any] = [step.describe() for step in self.steps]
        if self.output.compression != "none":
            content.append(["output", self.output.compression])
        if self.instrument is not None:
            content.append(["instrument", self.instrument.name, self.instrument.plate_scale])
        if self.hdu is not None:
            content.append(["hdu", self.hdu])
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def read(self, path: str | os.PathLike[str]) -> CCDData:
        """Read an image that the recipe is for.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        `~astropy.nddata.CCDData`
            The image in the recipe's HDU, of the recipe's instrument, as `aia_ccdproc.read` gives it.

        Raises
        ------
        PrepError
            As `aia_ccdproc.read` does.
        """
        return read(path, hdu=self.hdu, instrument=self.instrument)

    def read_header(self, path: str | os.PathLike[str]) -> fits.Header:
        """Read the header of an image that the recipe is for.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        `~astropy.io.fits.Header`
            The complete header.

        Raises
        ------
        ReadError
            If the file cannot be read, or holds no such image.
        """
        return read_header(path, hdu=self.hdu)

    def why_not(self, header: fits.Header) -> str:
        """Say why the recipe is not for an image.

        Parameters
        ----------
        header : `~astropy.io.fits.Header`
            Complete header of the image.

        Returns
        -------
        str
            The condition of ``[select]`` that it does not meet; nothing if it meets all.
        """
        if not self.select.asks_instrument:
            return self.select.why_not(header)
        try:
            instrument = self.instrument or get_plugin_manager().identify(header)
            return self.select.why_not(header, instrument.name)
        except InstrumentError as error:
            return str(error)

    @property
    def cards(self) -> dict[str, tuple[str, str]]:
        """The cards by which an output says how it was made.

        Returns
        -------
        dict
            RECIPE and RECIPEID, with comments.
        """
        return {
            "RECIPE": (printable(self.name), "Recipe of this image"),
            "RECIPEID": (self.digest, "SHA-256 of the recipe (first 16)"),
        }

    @classmethod
    def from_toml(cls, text: str, *, name: str = "recipe", folder: str | os.PathLike[str] | None = None) -> Recipe:
        """Read a recipe from TOML, and check it.

        Parameters
        ----------
        text : str
            The TOML.
        name : str
            What to call it in messages; its own ``name`` is the recipe's.
        folder : path-like, optional
            Folder that relative paths in it start from; by default they stay as they are.

        Returns
        -------
        `Recipe`
            The recipe.

        Raises
        ------
        RecipeError
            If it has problems; all of them are listed.
        """
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(name, [RecipeProblem("TOML", str(error))]) from error
        check = RecipeCheck(text, content, get_plugin_manager(), folder)
        if check.problems:
            raise RecipeError(name, check.problems)
        called, description = content.get("name", Path(name).stem), content.get("description", "")
        return cls(called, check.steps, description, check.select, check.output, check.instrument, content.get("hdu"))


def builtin_recipes() -> dict[str, str]:
    """List the recipes that come with the package.

    Returns
    -------
    dict of str to str
        Their TOML, by name.
    """
    folder = importlib.resources.files("aia_ccdproc.recipe") / "builtin"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".toml"): file.read_text() for file in files if file.name.endswith(".toml")}


def load_recipe(name_or_path: str | os.PathLike[str] | Recipe) -> Recipe:
    """Load a recipe and check it.

    Parameters
    ----------
    name_or_path : str, path-like or `Recipe`
        Name of a built-in recipe (``"level1.5"``, ``"level1.5-rate"``), or the path of a TOML file.

    Returns
    -------
    `Recipe`
        The recipe.

    Raises
    ------
    RecipeError
        If there is no such recipe, or it has problems; all of them are listed.
    """
    if isinstance(name_or_path, Recipe):
        return name_or_path
    name = os.fspath(name_or_path)
    builtin = builtin_recipes()
    if name in builtin:
        return Recipe.from_toml(builtin[name], name=name)
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(
            name, [RecipeProblem("recipe", f"no such file or built-in recipe; {suggestion(name, builtin)}")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(name, [RecipeProblem("recipe", f"cannot be read ({error})")]) from error
    return Recipe.from_toml(text, name=name, folder=path.absolute().parent)
