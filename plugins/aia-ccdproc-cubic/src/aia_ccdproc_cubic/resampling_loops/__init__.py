"""Loops that resample blocks of output pixels.

They are numba's source code, which is only imported to compile it: ``machine_code`` has the rest.

========================  ==============================================================
``blocks``                the entry point: a block, row by row
``lines``                 rows on an affine map, and their runs
``prefilter``             the spline coefficients of the part of the input that a block needs
``interpolation``         the pixels of a run, or one pixel after the other
``variance``              their variance
``flags``                 their flags
``taps``                  positions, weights, and edges
========================  ==============================================================
"""

from aia_ccdproc_cubic.resampling_loops.blocks import resample_block
from aia_ccdproc_cubic.resampling_loops.flags import find_worst_flags

__all__ = ["find_worst_flags", "resample_block"]
