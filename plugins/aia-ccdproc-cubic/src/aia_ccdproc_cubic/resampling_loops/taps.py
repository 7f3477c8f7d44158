"""The input pixels around a position, and their weights."""

from __future__ import annotations

import numpy as np

from aia_ccdproc_cubic.compilation import loop

__all__ = ["FOLDED_TAPS", "find_folded_weights", "find_interval", "mirror_index", "polynomial", "response_at"]

#: Taps beyond those of the margin that are added to their mirror images, if there is a filter. Weights beyond are below
#: 1e-5.
FOLDED_TAPS = 6


@loop
def mirror_index(i, size):
    """Return the pixel that continues the image at index ``i``: it is mirrored at the centers of its edge pixels."""
    if size == 1:
        return 0
    while not 0 <= i < size:
        i = -i if i < 0 else 2 * size - 2 - i
    return i


@loop
def find_interval(slope, start, low, high, first, stop):
    """Return the range of the columns from ``first`` to ``stop`` in which ``low <= slope * column + start < high``."""
    if slope == 0:
        return (first, stop if low <= start < high else first)
    bounds = ((low - start) / slope, (high - start) / slope)
    begin = int(min(max(np.ceil(min(bounds)), first), stop))
    end = int(min(max(np.floor(max(bounds)) + 1, begin), stop))
    # The divisions are rounded.
    while begin > first and low <= slope * (begin - 1) + start < high:
        begin -= 1
    while begin < end and not low <= slope * begin + start < high:
        begin += 1
    while end < stop and end > begin and low <= slope * end + start < high:
        end += 1
    while end > begin and not low <= slope * (end - 1) + start < high:
        end -= 1
    return (begin, end)


@loop
def polynomial(basis, j, t):
    """Evaluate the polynomial of a tap."""
    return ((basis[j, 3] * t + basis[j, 2]) * t + basis[j, 1]) * t + basis[j, 0]


@loop
def response_at(response, distance):
    """Return the impulse response of the filter at a distance in pixels."""
    return response[abs(distance)] if abs(distance) < response.size else np.float32(0)


@loop
def find_folded_weights(left, phase, size, kernel, weights):
    """Compute the weights of the input pixels near an edge, shape ``(taps, 1)``. Return the pixel of the first weight.

    Weights of taps that mirroring maps to the same pixel are added.
    """
    basis, response, _, clamped, margin = kernel[:5]
    taps = 4 + 2 * margin
    first = left - 1 - margin
    start = max(0, min(first, size - taps))
    a, b = polynomial(basis, 0, phase), polynomial(basis, 1, phase)
    c, d = polynomial(basis, 2, phase), polynomial(basis, 3, phase)
    for k in range(taps):
        weights[k, 0] = 0
    more = FOLDED_TAPS if response.size > 1 else 0
    for k in range(-more, taps + more):
        pixel = mirror_index(first + k, size)
        inside = first <= pixel < first + taps if clamped else start <= pixel < start + taps
        if inside:
            weight = response_at(response, k - margin) * a + response_at(response, k - margin - 1) * b
            weight += response_at(response, k - margin - 2) * c + response_at(response, k - margin - 3) * d
            weights[pixel - start, 0] += weight
    return start
