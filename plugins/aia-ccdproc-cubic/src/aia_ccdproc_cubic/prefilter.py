"""The compiled filter that makes coefficients of a spline out of pixels."""

from __future__ import annotations

import numpy as np
from numba import uintp

from aia_ccdproc_cubic.loops import compiled, mirrored

__all__ = ["coefficients"]

_ONE = uintp(1)
#: Float32 values in a cache line.
_LINE = 16


@compiled
def _filter(plane, pole):
    """Filter along the columns, forth and back, in place."""
    rows, columns = uintp(plane.shape[0]), uintp(plane.shape[1])
    for r in range(_ONE, rows):
        for c in range(columns):
            plane[r, c] += pole * plane[r - _ONE, c]
    for back in range(_ONE, rows):
        r = rows - _ONE - back
        for c in range(columns):
            plane[r, c] = pole * (plane[r + _ONE, c] - plane[r, c])


@compiled
def _transpose(plane, first, transposed):
    """Transpose a plane from a row on."""
    columns, rows = transposed.shape
    for top in range(0, rows, _LINE):
        for c in range(uintp(columns)):
            for r in range(uintp(top), uintp(min(top + _LINE, rows))):
                transposed[c, r] = plane[uintp(first) + r, c]


@compiled
def coefficients(data, rows, columns, pole, margin):
    """Filter a window of an image along both axes.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image.
    rows, columns : tuple of int
        The window: its first row or column, and the one after its last.
    pole : float
        Pole of the filter, float32.
    margin : int
        Pixels around the window over which the filter is followed; beyond an edge of the image it is mirrored.

    Returns
    -------
    `~numpy.ndarray`
        Coefficients, but for the gain of the filter; float32, of the window's shape.
    """
    height, width = rows[1] - rows[0] + 2 * margin, columns[1] - columns[0] + 2 * margin
    taken = np.empty(width, np.uintp)
    for c in range(width):
        taken[c] = mirrored(columns[0] - margin + c, data.shape[1])
    plane = np.empty((height, width), np.float32)
    for r in range(height):
        row = data[mirrored(rows[0] - margin + r, data.shape[0])]
        for c in range(width):
            plane[r, c] = row[taken[c]]
    _filter(plane, pole)
    # Along the rows each step would wait for the one before; turned, as many go abreast as there are rows.
    turned = np.empty((width, height - 2 * margin), np.float32)
    _transpose(plane, margin, turned)
    _filter(turned, pole)
    filtered = np.empty((height - 2 * margin, width - 2 * margin), np.float32)
    _transpose(turned, margin, filtered)
    return filtered
