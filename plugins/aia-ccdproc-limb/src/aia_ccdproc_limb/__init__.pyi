from .circle import Circle
from .limb import find_limb, measure_limb

__all__ = ["Circle", "find_limb", "measure_limb"]
