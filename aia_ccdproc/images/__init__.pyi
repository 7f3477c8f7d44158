from .arithmetic import copy_image, divide, multiply, with_flags_and_psf
from .camera import check_camera_grid
from .compression import Compression
from .fits_open import open_fits
from .header import complete_header, current_header, fits_header, image_wcs, set_unit, with_header
from .history import add_history, printable
from .level15 import LEVEL15_SCALE, LEVEL15_SHAPE, is_registered
from .names import NamePattern, is_fits_name
from .statistics import image_statistics, without_statistics
from .times import ignore_erfa_warnings, observation_time, parse_time
from .values import as_number, as_text, finite_number, is_empty
from .wcs import plate_scale, roll_angle, wcs_from_header
from .wcs_cards import without_wcs

__all__ = [
    "LEVEL15_SCALE",
    "LEVEL15_SHAPE",
    "Compression",
    "NamePattern",
    "add_history",
    "as_number",
    "as_text",
    "check_camera_grid",
    "complete_header",
    "copy_image",
    "current_header",
    "divide",
    "finite_number",
    "fits_header",
    "ignore_erfa_warnings",
    "image_statistics",
    "image_wcs",
    "is_empty",
    "is_fits_name",
    "is_registered",
    "multiply",
    "observation_time",
    "open_fits",
    "parse_time",
    "plate_scale",
    "printable",
    "roll_angle",
    "set_unit",
    "wcs_from_header",
    "with_flags_and_psf",
    "with_header",
    "without_statistics",
    "without_wcs",
]
