"""Access to the bits of an array of bytes."""

from __future__ import annotations

from llvmlite import ir
from numba import types, uint64
from numba.extending import intrinsic

from aia_ccdproc_cubic.compilation import loop

__all__ = ["block_header", "count_leading_zeros", "load_word", "store_word"]

_WORD = ir.IntType(64)


@intrinsic
def load_word(context, data, index):
    """Read eight bytes as a big-endian number.

    Parameters
    ----------
    context : object
        Given by numba.
    data : `~numpy.ndarray`
        Bytes.
    index : int
        The first of the bytes, uint64; it is not checked.

    Returns
    -------
    int
        The number, uint64.
    """

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), _WORD.as_pointer())
        return builder.bswap(builder.load(address, align=1))

    return types.uint64(data, types.uint64), generate


@intrinsic
def store_word(context, data, index, word):
    """Write a number into eight bytes, big-endian.

    Parameters
    ----------
    context : object
        Given by numba.
    data : `~numpy.ndarray`
        Bytes.
    index : int
        The first of the bytes, uint64; it is not checked.
    word : int
        The number, uint64.

    Returns
    -------
    None
    """

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), _WORD.as_pointer())
        builder.store(builder.bswap(arguments[2]), address, align=1)
        return context.get_dummy_value()

    return types.void(data, types.uint64, types.uint64), generate


@intrinsic
def count_leading_zeros(context, word):
    """Count the zeros above the highest bit that is set.

    Parameters
    ----------
    context : object
        Given by numba.
    word : int
        The number, uint64.

    Returns
    -------
    int
        Their number, uint64; 64 if no bit is set.
    """

    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@loop
def block_header(bits):
    """Return how the header of a block is written.

    Parameters
    ----------
    bits : int
        Bits of a pixel: 8, 16 or 32.

    Returns
    -------
    width : int
        Bits of the header, uint64. It contains 0 if all codes are 0, or the split plus 1.
    limit : int
        Largest split plus 1, uint64. A header of ``limit + 1`` is that of a block whose codes have all their bits.
    """
    if bits == uint64(8):
        return uint64(3), uint64(6)
    if bits == uint64(16):
        return uint64(4), uint64(14)
    return uint64(5), uint64(25)
