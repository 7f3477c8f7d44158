"""Loops that resample blocks of output pixels.

They are numba's source code, which is only imported to compile it: ``machine_code`` has the rest.

========================  ==============================================================
``blocks``                the entry point: a block, row by row
``interpolation``         a run of pixels, or one pixel after the other
``prefilter``             the spline coefficients of the part of the input that a block needs
``propagation``           variance and flags of a row
``taps``                  positions, weights, and edges
========================  ==============================================================
"""

from aia_ccdproc_cubic.resampling_loops.blocks import resample_block

__all__ = ["resample_block"]
