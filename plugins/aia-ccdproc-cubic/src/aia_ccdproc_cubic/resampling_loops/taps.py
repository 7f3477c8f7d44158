"""The input pixels around a position, and their weights.

The position of an output pixel in the input is split into an input pixel, which is called left (or below, along y), and
the remaining fraction, which is called phase. The kernel has weights for the pixels from one before to two after it,
and for some more on each side if it has a filter.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from aia_ccdproc_cubic.compilation import loop

__all__ = ["Kernel", "find_weights", "is_covered", "mirror_index", "polynomial", "split_position"]

#: The fields of `~aia_ccdproc_cubic.kernels.InterpolationKernel` that the loops need.
Kernel = namedtuple("Kernel", ["basis", "weights", "offset", "clamped", "margin", "folded"])


@loop
def is_covered(x, y, shape):
    """Return True for positions in the image, with the halves of its outermost pixels."""
    return (-0.5 <= x < shape[1] - 0.5) & (-0.5 <= y < shape[0] - 0.5)


@loop
def split_position(position, size, kernel):
    """Return left and phase of a position along an axis of a length."""
    if kernel.clamped:
        position = min(max(position, 0.0), size - 1.0)
    left = np.floor(position + kernel.offset)
    return int(left), np.float32(position - left)


@loop
def mirror_index(i, size):
    """Return the pixel that continues the image at index ``i``: it is mirrored at the centers of its edge pixels."""
    if size == 1:
        return 0
    while not 0 <= i < size:
        i = -i if i < 0 else 2 * size - 2 - i
    return i


@loop
def polynomial(coefficients, j, t):
    """Evaluate the polynomial of a tap."""
    return ((coefficients[j, 3] * t + coefficients[j, 2]) * t + coefficients[j, 1]) * t + coefficients[j, 0]


@loop
def find_weights(left, phase, size, kernel, weights):
    """Compute the weights of the pixels around a position along an axis. Return the pixel of the first weight.

    Near an edge, taps outside the image add to the weight of the pixel that mirroring maps them to.
    """
    taps, folded = 4 + 2 * kernel.margin, kernel.folded
    first = left - 1 - kernel.margin
    if first >= folded and first + taps + folded <= size:
        for k in range(taps):
            weights[k] = polynomial(kernel.weights, folded + k, phase)
        return first
    start = max(0, min(first, size - taps))
    for k in range(taps):
        weights[k] = 0
    for k in range(-folded, taps + folded):
        pixel = mirror_index(first + k, size)
        if first <= pixel < first + taps if kernel.clamped else start <= pixel < start + taps:
            weights[pixel - start] += polynomial(kernel.weights, folded + k, phase)
    return start
