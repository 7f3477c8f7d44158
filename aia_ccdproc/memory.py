"""How a process that preps one image after another holds its memory."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep_freed_memory"]

#: Parameters of glibc's mallopt (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Have this process keep what it frees, for the next image.

    By default the C library gives every large array back to the system when it is freed, and the system clears it,
    page by page, before the next one has it: for arrays of 64 MiB that is more work than many a step does. For
    processes of our own, and not for those of users, who may want their memory back.

    Returns
    -------
    bool
        Whether the C library could be told; only glibc has to be.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
