"""Settings of ``register`` and ``normalize_exposure``: schema of their tables in a recipe, defaults, documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from pydantic import Field, ValidationInfo, field_validator

from aia_ccdproc.errors import PluginError
from aia_ccdproc.plugin.fields import NOT_A_PATH, RecipeFile
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.resampling import resolve_parameter
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["ExposureSettings", "OffDisk", "RegistrationSettings", "Rotation"]

#: The position of the corona off the disk that sunpy assumes.
OffDisk: TypeAlias = Literal["masked", "spherical", "planar"]
#: How the Sun rotates between the times of two images.
Rotation: TypeAlias = Literal["off", "differential"]

#: Settings that are not recorded if they have their defaults, by which they have no effect.
_RECORDED_IF_CHANGED = frozenset(["off_disk", "rotation", "clip", "mask_border"])
_MAX_FLOAT32 = (2 - 2**-23) * 2.0**127


class RegistrationSettings(StepSettings):
    """Settings of ``register``."""

    method: str = Field(
        default="bicubic",
        description="Resampling method: nearest-neighbor, bilinear, biquadratic, bicubic, adaptive-hann, "
        "adaptive-gaussian, exact, or a method of a plugin.",
    )
    parameter: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Parameter of the method, if it is a plugin's method with a parameter. Each has a default.",
    )
    conserve: Literal["brightness", "counts"] = Field(
        default="brightness",
        description="What is conserved: the brightness of a pixel, as in aia_prep, or the total counts, by "
        "multiplication with the ratio of the pixel areas.",
    )
    fill: float = Field(
        default=float("nan"),
        description="Value of the pixels that no valid input pixel covers. They are also masked.",
    )
    saturation: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Pixels of this value or more are treated as masked, in the unit of the image. AIA's cameras "
        "saturate at 16383 DN.",
    )
    target: RecipeFile = Field(
        default=None,
        description="Grid to register onto instead of the level-1.5 grid: the path of a FITS image; from Python also a "
        "WCS with a shape, a header or an image.",
    )
    off_disk: OffDisk = Field(
        default="masked",
        description="The corona off the disk, if the target has another observer or time: masked, because its distance "
        "is not known, or assumed to be on a sphere around the image's observer (spherical) or in the plane of the sky "
        "(planar), by sunpy.",
    )
    rotation: Rotation = Field(
        default="off",
        description="Rotation of the Sun between the time of the image and that of the target: off, or differential, "
        "by sunpy.",
    )
    clip: bool = Field(
        default=False,
        description="Limit the result to the range of the good input pixels, as aiapy does. Splines overshoot beside "
        "bright points.",
    )
    mask_border: bool = Field(
        default=False,
        description="Treat pixels at the border of the image as not covered if more than 1 % of their weight is "
        "outside the image. Otherwise the image is mirrored there.",
    )
    force: bool = Field(default=False, description="Register an image that is already at level 1.5.")

    @field_validator("fill")
    @classmethod
    def _check_fill(cls, value: float) -> float:
        if abs(value) > _MAX_FLOAT32:
            raise ValueError(f"{value:g} is larger than a float32 pixel can be")
        return value

    @field_validator("method")
    @classmethod
    def _check_method(cls, value: str, info: ValidationInfo) -> str:
        manager: PrepPluginManager | None = (info.context or {}).get("manager")
        if manager is not None:
            try:
                manager.check_method(value, (info.context or {}).get("plugin"))
            except PluginError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("parameter")
    @classmethod
    def _check_parameter(cls, value: float | None, info: ValidationInfo) -> float | None:
        manager: PrepPluginManager | None = (info.context or {}).get("manager")
        if manager is not None and "method" in info.data:
            resolve_parameter(info.data["method"], value, manager.resampling_methods())
        return value

    @field_validator("target")
    @classmethod
    def _check_target(cls, value: Any) -> Any:
        if isinstance(value, NOT_A_PATH):
            raise ValueError(f"should be the path of a FITS image, not {value!r}")
        return value

    @classmethod
    def choices(cls, manager: PrepPluginManager) -> dict[str, list[str]]:  # numpydoc ignore=GL08
        return {"method": list(manager.resampling_methods())}

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Leave out what is switched off."""
        fields = type(self).model_fields
        for name, value in super()._recorded():
            if name not in _RECORDED_IF_CHANGED or value != fields[name].default:
                yield name, value

    def used_plugins(
        self, manager: PrepPluginManager, plugin: str | None = None
    ) -> list[Plugin]:  # numpydoc ignore=GL08
        return manager.choose_engines(self.method, plugin)


class ExposureSettings(StepSettings):
    """Settings of ``normalize_exposure``, which has none."""
