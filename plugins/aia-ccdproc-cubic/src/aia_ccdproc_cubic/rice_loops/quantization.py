"""Rounding of pixels to integers."""

from __future__ import annotations

from numba import float32, float64, int32, int64

from aia_ccdproc_cubic.compilation import entry_point

__all__ = ["quantize_rows"]

#: Whole number in place of a pixel that is NaN.
_NO_VALUE = int32(-(2**31))


@entry_point
def quantize_rows(
    pixels: float32[:, ::1],
    scales: float64[::1],
    zeros: float64[::1],
    first: int64,
    random: float32[::1],
    values: int32[:, ::1],
) -> None:
    """Round pixels to integers, with subtractive dithering.

    Parameters
    ----------
    pixels : `~numpy.ndarray`
        Pixels, shape ``(rows, n)``.
    scales, zeros : `~numpy.ndarray`
        Distance of neighboring levels, and the level 0, shape ``(rows,)``. A row whose scale is 0 is left out.
    first : int
        Index of the first row in the sequence of random numbers.
    random : `~numpy.ndarray`
        The random numbers of the FITS Standard.
    values : `~numpy.ndarray`
        Output: the integers, same shape as ``pixels``; the smallest one for NaN.
    """
    for row in range(pixels.shape[0]):
        if scales[row] == 0:
            continue
        source, target = pixels[row], values[row]
        seed, done, n = (first + row) % random.size, 0, source.size
        while done < n:
            start = int64(float64(random[seed]) * 500.0)
            size = min(n - done, random.size - start)
            for i in range(size):
                pixel = float64(source[done + i])
                level = (pixel - zeros[row]) / scales[row] + float64(random[start + i]) - 0.5
                rounded = int32(level + 0.5) if level >= 0 else int32(level - 0.5)
                target[done + i] = rounded if pixel == pixel else _NO_VALUE
            done += size
            seed = (seed + 1) % random.size
