"""The filter that converts pixels to spline coefficients.

It is recursive: forwards, c[k] = x[k] + pole * c[k - 1], and then backwards. Down the columns, the pixels of a row are
filtered at the same time. Along a row, the recursion is replaced by a sum of 16 terms, pole**16 being below 1e-9, which
is computed as a sum of four sums of four. Each pass over a row is then a vector loop.
"""

from __future__ import annotations

from numba import uintp

from aia_ccdproc_cubic.compilation import loop
from aia_ccdproc_cubic.resampling_loops.taps import mirror_index

__all__ = ["COLUMN_MARGIN", "ROW_MARGIN", "compute_coefficients"]

#: Pixels around a window that the filter takes into account: above and below, left and right.
ROW_MARGIN, COLUMN_MARGIN = 16, 15
_ONE, _TWO, _THREE = uintp(1), uintp(2), uintp(3)
_4, _8, _12 = uintp(4), uintp(8), uintp(12)


@loop
def compute_coefficients(data, window, pole, plane, lines):
    """Compute the spline coefficients of a window of an image, without the gain of the filter.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image, float32, shape ``(ny, nx)``. It is continued by mirroring it at the centers of its edge pixels.
    window : tuple of int
        First row, row after the last, first column, column after the last.
    pole : float
        Pole of the filter, float32.
    plane : `~numpy.ndarray`
        Buffer with at least the rows and columns of the window and its margins. On return, the coefficients are in its
        columns from 0 on and in its rows from ``ROW_MARGIN`` on.
    lines : `~numpy.ndarray`
        Buffer of two lines.
    """
    top, bottom, left, right = window
    height, width = bottom - top, right - left
    _filter_columns(data, window, pole, plane)
    for r in range(ROW_MARGIN, ROW_MARGIN + height):
        line = plane[r, : width + 2 * COLUMN_MARGIN]
        for i in range(max(0, COLUMN_MARGIN - left)):
            line[i] = line[mirror_index(left - COLUMN_MARGIN + i, data.shape[1]) - left + COLUMN_MARGIN]
        for i in range(min(line.size, data.shape[1] - left + COLUMN_MARGIN), line.size):
            line[i] = line[mirror_index(left - COLUMN_MARGIN + i, data.shape[1]) - left + COLUMN_MARGIN]
        _filter_line(line, lines[0], lines[1], pole, width)


@loop
def _filter_columns(data, window, pole, plane):
    """Filter the columns of a window and of its margins at both sides that are in the image."""
    top, bottom, left, right = window
    rows = bottom - top + 2 * ROW_MARGIN
    first, stop = max(0, left - COLUMN_MARGIN), min(data.shape[1], right + COLUMN_MARGIN)
    begin, count = first - left + COLUMN_MARGIN, uintp(stop - first)
    for r in range(rows):
        pixels = data[mirror_index(top - ROW_MARGIN + r, data.shape[0]), first:stop]
        line, before = plane[r, begin:], plane[max(r - 1, 0), begin:]
        if r == 0:
            for c in range(count):
                line[c] = pixels[c]
        else:
            for c in range(count):
                line[c] = pixels[c] + pole * before[c]
    for back in range(2, rows + 1):
        line, after = plane[rows - back, begin:], plane[rows - back + 1, begin:]
        for c in range(count):
            line[c] = pole * (after[c] - line[c])


@loop
def _filter_line(line, first, second, pole, width):
    """Filter a line with its margins. Write the ``width`` coefficients to its beginning."""
    square = pole * pole
    cube, fourth = square * pole, square * square
    eighth = fourth * fourth
    twelfth = eighth * fourth
    for i in range(uintp(width + 2 * COLUMN_MARGIN - 3)):
        first[i] = line[i + _THREE] + pole * line[i + _TWO] + square * line[i + _ONE] + cube * line[i]
    for i in range(uintp(width + COLUMN_MARGIN)):
        second[i] = first[i + _12] + fourth * first[i + _8] + eighth * first[i + _4] + twelfth * first[i]
    for i in range(uintp(width + COLUMN_MARGIN - 3)):
        first[i] = second[i] + pole * second[i + _ONE] + square * second[i + _TWO] + cube * second[i + _THREE]
    for i in range(uintp(width)):
        line[i] = -pole * (first[i] + fourth * first[i + _4] + eighth * first[i + _8] + twelfth * first[i + _12])
