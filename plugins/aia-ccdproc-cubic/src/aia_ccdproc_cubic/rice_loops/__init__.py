"""Loops that decode and encode RICE_1, and round floating-point pixels to a fraction of their noise.

They are numba's source code, which is only imported to compile it: ``machine_code`` has the rest.

==================  ================================================
``bits``            access to the bits of an array of bytes
``decoding``        tiles to integers
``encoding``        integers to tiles
``noise``           range and noise of rows of pixels
``quantization``    pixels to integers
==================  ================================================

In RICE_1, the pixels of a tile are replaced by their differences, and these by numbers without a sign, the codes. A
block of 16 or 32 codes has a header, which gives a number of bits, the split. The upper bits of a code are a number of
zeros, with a one after them; then follow the lower bits, as many as the split.

A loop that reads one code after the other waits for the processor most of the time, because a code begins where the
previous one ends. Two tiles are therefore decoded at the same time.

References
----------
FITS Standard 4.0, section 10.4.1.
Pence, W. D., Seaman, R., and White, R. L. 2009, Publications of the Astronomical Society of the Pacific, 121, 414.
Stoehr, F., et al. 2007, Space Telescope European Coordinating Facility Newsletter, 42, 4.
"""

from aia_ccdproc_cubic.rice_loops.decoding import decode_tiles
from aia_ccdproc_cubic.rice_loops.encoding import encode_tiles
from aia_ccdproc_cubic.rice_loops.noise import measure_rows
from aia_ccdproc_cubic.rice_loops.quantization import quantize_rows

__all__ = ["decode_tiles", "encode_tiles", "measure_rows", "quantize_rows"]
