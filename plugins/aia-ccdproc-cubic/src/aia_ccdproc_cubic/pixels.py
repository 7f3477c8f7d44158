"""Loops over the pixels of an image: statistics, in blocks on a pool of threads, and byte order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import numpy as np

from aia_ccdproc.plugin import CoarseCounts, FineCounts, map_in_threads, thread_count
from aia_ccdproc_cubic.machine_code import CompiledLoops

__all__ = ["LOOPS", "copy_big_endian", "count_coarsely", "count_finely"]

LOOPS = CompiledLoops("aia_ccdproc_cubic.pixel_loops")

T = TypeVar("T")

#: Pixels of a block. A block fits into the cache of a core, and has sums of its own, so that the result does not depend
#: on the number of threads.
_BLOCK_PIXELS = 2**17
#: Number of values that half of the bits of a float32 can have.
_HALF_VALUES = 2**16
#: Lanes of a sum, as in the loops.
_LANES = 64
#: With more threads the loops would wait for the memory.
_MAX_THREADS = 8


def count_coarsely(values: np.ndarray, mask: np.ndarray | None, *, threads: int | None = None) -> CoarseCounts:
    """Count pixels by the upper half of their bits, and add them up.

    Parameters
    ----------
    values, mask : `~numpy.ndarray` or None
        Pixels and mask, as for `~aia_ccdproc.plugin.PixelEngine`.
    threads : int, optional
        Largest number of threads; by default the number of CPUs that this process may use.

    Returns
    -------
    `~aia_ccdproc.plugin.CoarseCounts`
        The numbers and the sum.
    """
    pixels, lanes = _Pixels(values, mask), np.zeros((_block_count(values), _LANES))

    def count(blocks: range) -> tuple[np.ndarray, np.ndarray]:
        bins, counts = np.zeros((2, _HALF_VALUES), np.int32), np.zeros(2, np.int64)
        buffer = np.empty(_BLOCK_PIXELS, np.uint32)
        for block in blocks:
            LOOPS.count_invalid(pixels.all(block), counts)
            bits = pixels.good(block, buffer)
            LOOPS.count_upper(bits, bins)
            LOOPS.add_values(bits.view(np.float32), lanes[block])
        return bins.sum(axis=0), counts

    bins, counts = zip(*_map_blocks(count, len(lanes), threads), strict=True)
    not_finite, infinite = functools.reduce(np.add, counts).tolist()
    return CoarseCounts(functools.reduce(np.add, bins), float(lanes.sum()), not_finite, infinite)


def count_finely(
    values: np.ndarray, mask: np.ndarray | None, slots: np.ndarray, center: float, *, threads: int | None = None
) -> FineCounts:
    """Count the pixels of some bins by the lower half of their bits, and add up the moments of all pixels.

    Parameters
    ----------
    values, mask, slots : `~numpy.ndarray` or None
        Pixels, mask, and the slots of the bins, as for `~aia_ccdproc.plugin.PixelEngine`.
    center : float
        Center of the moments.
    threads : int, optional
        Largest number of threads, as in `count_coarsely`.

    Returns
    -------
    `~aia_ccdproc.plugin.FineCounts`
        The numbers and the moments.
    """
    pixels, lanes = _Pixels(values, mask), np.zeros((_block_count(values), 3, _LANES))
    # Few pixels are in these bins. So one array is enough for all threads, which wait for each other.
    bins, lock = np.zeros((int(slots.max()) + 1, _HALF_VALUES), np.int32), Lock()

    def count(blocks: range) -> None:
        buffer, selected = np.empty(_BLOCK_PIXELS, np.uint32), np.empty(_BLOCK_PIXELS + 1, np.uint32)
        for block in blocks:
            bits = pixels.good(block, buffer)
            size = LOOPS.select(bits, slots, selected)
            LOOPS.add_powers(bits.view(np.float32), center, lanes[block])
            with lock:
                LOOPS.count_lower(selected[:size], slots, bins)

    _map_blocks(count, len(lanes), threads)
    return FineCounts(bins, lanes.sum(axis=(0, 2)))


def copy_big_endian(words: np.ndarray, copied: np.ndarray) -> int:
    """Copy 32-bit words in the byte order of FITS, and add them up.

    Parameters
    ----------
    words, copied : `~numpy.ndarray`
        The words and the array for the copy, as for `~aia_ccdproc.plugin.PixelEngine`.

    Returns
    -------
    int
        The sum of the words.
    """
    total: int = LOOPS.copy_swapped(words, copied)
    return total


class _Pixels:
    """The bits of the pixels of an image, block by block."""

    def __init__(self, values: np.ndarray, mask: np.ndarray | None) -> None:
        self._bits = values.view(np.uint32)
        self._mask = None if mask is None else mask.view(np.uint8)

    def all(self, block: int) -> np.ndarray:
        """Return all pixels of a block."""
        return self._bits[block * _BLOCK_PIXELS : (block + 1) * _BLOCK_PIXELS]

    def good(self, block: int, buffer: np.ndarray) -> np.ndarray:
        """Return the pixels of a block, with NaN for those that are masked; ``buffer`` is an array for them."""
        bits = self.all(block)
        if self._mask is None:
            return bits
        LOOPS.hide_masked(bits, self._mask[block * _BLOCK_PIXELS : (block + 1) * _BLOCK_PIXELS], buffer[: bits.size])
        return buffer[: bits.size]


def _block_count(values: np.ndarray) -> int:
    return -(-values.size // _BLOCK_PIXELS)


def _map_blocks(function: Callable[[range], T], count: int, threads: int | None) -> list[T]:
    """Divide blocks among threads; call a function in each with the numbers of its blocks."""
    workers = max(1, min(threads or thread_count(), _MAX_THREADS, count))
    shares = [range(count * i // workers, count * (i + 1) // workers) for i in range(workers)]
    return map_in_threads(function, shares, threads=workers)
