"""Settings of ``register`` and ``normalize_exposure``: schema of their tables in a recipe, defaults, documentation."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from aia_ccdproc.errors import HeaderError, PluginError
from aia_ccdproc.images.level15 import LEVEL15_SCALE, LEVEL15_SHAPE
from aia_ccdproc.images.times import parse_time
from aia_ccdproc.plugin.fields import NOT_A_PATH, RecipeFile
from aia_ccdproc.plugin.manager import PrepPluginManager
from aia_ccdproc.plugin.plugin import Plugin
from aia_ccdproc.plugin.resampling import resolve_parameter
from aia_ccdproc.plugin.settings import StepSettings

__all__ = ["ExposureSettings", "FieldOfView", "OffDisk", "RegistrationSettings", "Rotation"]

#: The position of the corona off the disk that sunpy assumes.
OffDisk: TypeAlias = Literal["masked", "spherical", "planar"]
#: How the Sun rotates between the times of two images.
Rotation: TypeAlias = Literal["off", "differential"]


def _to_tuple(value: Any) -> Any:
    return tuple(getattr(item, "tolist", lambda item=item: item)() for item in value) if _is_sequence(value) else value


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1


Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
#: Two numbers: a list in a recipe; from Python also a tuple or an array.
Pair: TypeAlias = Annotated[tuple[Finite, Finite], BeforeValidator(_to_tuple)]

#: Sides of the full frame of level 1.5, arcsec.
_FULL_FRAME_ARCSEC = LEVEL15_SHAPE[0] * LEVEL15_SCALE
#: The largest pixels: the full frame still has a few.
_MAX_PLATE_SCALE = LEVEL15_SCALE * 512
#: Settings that are not recorded if they have their defaults, by which they have no effect.
_RECORDED_IF_CHANGED = frozenset(["off_disk", "rotation", "clip", "mask_border"])
_MAX_FLOAT32 = (2 - 2**-23) * 2.0**127


class FieldOfView(NamedTuple):
    """A part of the level-1.5 grid."""

    center: tuple[float, float]
    """Helioprojective position of its middle, arcsec."""
    size: tuple[float, float]
    """Width and height, arcsec."""
    track: str | None = None
    """Time for which the position holds, if the field of view follows the rotation of the Sun."""


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
    center: Pair | None = Field(
        default=None,
        description="Middle of the field of view in arcsec from the center of the Sun, [x, y]. With size, images are "
        "registered onto this part of the level-1.5 grid.",
    )
    size: Pair | None = Field(
        default=None, validate_default=True, description="Width and height of the field of view in arcsec."
    )
    track: str | None = Field(
        default=None,
        description="Time at which the field of view has its center. At other times it follows the differential "
        "rotation of the Sun, by sunpy.",
    )
    plate_scale: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Plate scale of the result in arcsec, a whole multiple of 0.6. Pixels are averages over their "
        "area. By default 0.6, times the binning of the image.",
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

    @field_validator("center", "plate_scale")
    @classmethod
    def _check_without_target(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("target") is not None:
            raise ValueError("cannot be given with target, which is a grid of its own")
        return value

    @field_validator("size")
    @classmethod
    def _check_size(cls, value: tuple[float, float] | None, info: ValidationInfo) -> tuple[float, float] | None:
        if "center" not in info.data:  # it is invalid
            return value
        center = info.data["center"]
        if (value is None) != (center is None):
            missing, given = ("size", "center") if value is None else ("center", "size")
            raise ValueError(f"{given} is given without {missing}; a field of view needs both")
        if value is None:
            return None
        if not all(0 < side <= _FULL_FRAME_ARCSEC for side in value):
            raise ValueError(
                f"{value[0]:g} x {value[1]:g} arcsec: width and height should be more than 0 and at most "
                f"{_FULL_FRAME_ARCSEC:g}, the full frame of level 1.5"
            )
        if any(abs(c) - side / 2 >= _FULL_FRAME_ARCSEC / 2 for c, side in zip(center, value, strict=True)):
            raise ValueError(f"the field of view about ({center[0]:g}, {center[1]:g}) is outside the full frame")
        return value

    @field_validator("track", mode="before", json_schema_input_type=str)
    @classmethod
    def _read_track(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        if isinstance(value, datetime.date):  # a datetime is a date, too
            value = value.isoformat()
        if not isinstance(value, str):
            return value
        if info.data.get("center") is None and "center" in info.data:
            raise ValueError("is given without a field of view; give center and size")
        try:
            return str(parse_time(value).utc.isot)
        except (HeaderError, ValueError):
            raise ValueError(f"{value!r} is not a time; write it as 2020-01-01T00:00:00") from None

    @field_validator("plate_scale")
    @classmethod
    def _check_plate_scale(cls, value: float | None) -> float | None:
        if value is None:
            return None
        multiple = round(value / LEVEL15_SCALE)
        if not 1 <= multiple <= _MAX_PLATE_SCALE / LEVEL15_SCALE or abs(value / LEVEL15_SCALE - multiple) > 1e-9:
            raise ValueError(
                f"{value:g} arcsec is not a whole multiple of {LEVEL15_SCALE:g}, up to {_MAX_PLATE_SCALE:g}"
            )
        return value

    @classmethod
    def choices(cls, manager: PrepPluginManager) -> dict[str, list[str]]:  # numpydoc ignore=GL08
        return {"method": list(manager.resampling_methods())}

    @property
    def field_of_view(self) -> FieldOfView | None:
        """The part of the level-1.5 grid that is wanted.

        Returns
        -------
        `FieldOfView` or None
            None without ``center`` and ``size``.
        """
        return FieldOfView(self.center, self.size, self.track) if self.center and self.size else None

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Leave out what is switched off."""
        fields = type(self).model_fields
        for name, value in super()._recorded():
            if name in ("center", "size"):
                yield name, " ".join(f"{number:.10g}" for number in value)
            elif name not in _RECORDED_IF_CHANGED or value != fields[name].default:
                yield name, value

    def used_plugins(
        self, manager: PrepPluginManager, plugin: str | None = None
    ) -> list[Plugin]:  # numpydoc ignore=GL08
        return manager.choose_engines(self.method, plugin)


class ExposureSettings(StepSettings):
    """Settings of ``normalize_exposure``, which has none."""
