"""Random damage to the bytes of FITS files and of compressed files."""

from __future__ import annotations

import gzip
import zlib
from random import Random

from header_damage import mutate_headers
from raw_fits import BLOCK, END_CARD, card, pad, set_card, split_fits


def mutate_bytes(chance: Random, content: bytes) -> tuple[bytes, str]:
    """Damage the bytes of a file. Return the file and what was done."""
    damaged = bytearray(content)
    limit = chance.choice([len(damaged), len(damaged), min(len(damaged), 8 * BLOCK)])
    start = chance.randrange(limit)
    length = chance.choice([1, 2, 80, BLOCK, chance.randrange(1, 20_000)])
    kind = chance.choice(
        ["bits", "bits", "bits", "truncated", "truncated", "inserted", "removed", "overwritten", "repeated", "appended"]
    )
    if kind == "bits":
        length = chance.choice([1, 1, 4, 64])
        for _ in range(length):
            damaged[chance.randrange(limit)] ^= 1 << chance.randrange(8)
    elif kind == "truncated":
        start = chance.choice([start, start // BLOCK * BLOCK, 0, 1, len(damaged) - 1])
        del damaged[start:]
    elif kind == "inserted":
        damaged[start:start] = chance.choice([chance.randbytes(length), bytes(length), b" " * length])
    elif kind == "removed":
        del damaged[start : start + length]
    elif kind == "overwritten":
        part = damaged[start : start + length]
        damaged[start : start + length] = chance.choice(
            [chance.randbytes(len(part)), bytes(len(part)), b"\xff" * len(part)]
        )
    elif kind == "repeated":
        damaged[start:start] = damaged[start : start + length]
    else:
        damaged += chance.choice([chance.randbytes(length), bytes(length), b"SIMPLE  =" + b" " * length, content])
    return bytes(damaged), f"{kind}: {length} at {start} of {len(content)}"


def gzip_bomb(chance: Random, content: bytes) -> tuple[bytes, str]:
    """Make a small gzip file that unpacks to gigabytes: zeros, a valid file followed by zeros, or a huge image."""
    gigabytes = chance.choice([2, 3, 4, 16])
    zeros = bytes(2**26)
    if chance.random() < 0.5:  # many members
        tail, kind = gzip.compress(zeros, mtime=0) * (16 * gigabytes), "members"
    else:  # one member, whose checksum is wrong at its end
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        tail, kind = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed * (16 * gigabytes), "one member"
    start = chance.choice(["", "valid", "huge image"])
    if start == "huge image":
        hdus = split_fits(content)
        side = chance.choice([32767, 32768, 50_000, 2**31 - 1])
        for axis in (1, 2):
            set_card(chance, hdus[0].cards, f"NAXIS{axis}", card(f"NAXIS{axis}", str(side)))
        content = pad(b"".join([*hdus[0].cards, END_CARD]), b" ")
        start = f"{start} of {side} squared"
    head = gzip.compress(content, mtime=0) if start else b""
    return head + tail, f"{start} {gigabytes} GiB of zeros, {kind}"


def damaged_fits(chance: Random, content: bytes, packed: bool) -> tuple[bytes, str]:
    """Damage a file in a random way; gzip it, before or after, if it is to be packed."""
    kind = chance.random()
    if kind < 0.01:
        return gzip_bomb(chance, content)
    if kind < 0.75:
        content, text = mutate_headers(chance, content)
        return gzip.compress(content, 1, mtime=0) if packed else content, text
    if packed and chance.random() < 0.7:
        return mutate_bytes(chance, gzip.compress(content, 1, mtime=0))
    content, text = mutate_bytes(chance, content)
    return gzip.compress(content, 1, mtime=0) if packed else content, text
