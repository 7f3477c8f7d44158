from .header import complete_header, fits_header, set_unit, with_header
from .history import add_history, printable
from .level15 import LEVEL15_SCALE, LEVEL15_SHAPE, is_registered
from .names import NamePattern, is_fits_name
from .statistics import image_statistics, without_statistics
from .times import ignore_erfa_warnings, observation_time, parse_time
from .values import as_number, as_text, is_empty, finite_number
from .wcs import plate_scale, roll_angle, wcs_from_header, without_wcs

__all__ = [
    "LEVEL15_SCALE",
    "LEVEL15_SHAPE",
    "NamePattern",
    "add_history",
    "ignore_erfa_warnings",
    "as_number",
    "as_text",
    "complete_header",
    "fits_header",
    "image_statistics",
    "is_empty",
    "is_fits_name",
    "is_registered",
    "finite_number",
    "observation_time",
    "parse_time",
    "plate_scale",
    "printable",
    "roll_angle",
    "set_unit",
    "wcs_from_header",
    "with_header",
    "without_statistics",
    "without_wcs",
]
