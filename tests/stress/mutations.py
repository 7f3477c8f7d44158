"""Random damage to FITS files: to the cards of a header, and to the bytes of a file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from odd_values import (
    COMPRESSED,
    CONTROL,
    COORDINATES,
    CTYPES,
    KEYWORDS,
    NUMBERS,
    ODD_KEYWORDS,
    RELATED,
    STRINGS,
    STRUCTURAL,
    TIMES,
    UNITS,
    separated,
    words,
)

BLOCK = 2880
_CARD = 80
_END = b"END".ljust(_CARD)

Cards = list[bytes]
HeaderMutation = Callable[[Random, Cards], str]


@dataclass
class Hdu:
    """The raw cards of a header, without END, and the bytes after it."""

    cards: Cards
    data: bytes


def split_fits(content: bytes) -> list[Hdu]:
    """Split a valid FITS file into its HDUs."""
    hdus, position = [], 0
    while position < len(content):
        cards = []
        while (card := content[position : position + _CARD]) != _END:
            cards.append(card)
            position += _CARD
        start = (position // BLOCK + 1) * BLOCK
        values = {card[:8].strip(): card[10:30].strip() for card in cards if card[8:10] == b"= "}
        size = abs(int(values[b"BITPIX"])) // 8 * bool(int(values[b"NAXIS"]))
        for axis in range(int(values[b"NAXIS"])):
            size *= int(values[b"NAXIS%d" % (axis + 1)])
        size += int(values.get(b"PCOUNT", b"0"))
        position = start + -(-size // BLOCK) * BLOCK
        hdus.append(Hdu(cards, content[start:position]))
    return hdus


def join_fits(hdus: list[Hdu]) -> bytes:
    """Join HDUs to a file."""
    return b"".join(_pad(b"".join([*hdu.cards, _END]), b" ") + hdu.data for hdu in hdus)


def _pad(content: bytes, filler: bytes) -> bytes:
    return content + filler * (-len(content) % BLOCK)


def card(keyword: str, literal: str = "", comment: str = "") -> bytes:
    """Make a card from a literal value, valid or not. It is cut at 80 characters."""
    text = f"{keyword:<8}= {literal:>20}{' / ' if comment else ''}{comment}"
    return text.encode("latin-1", "replace").ljust(_CARD)[:_CARD]


def _literal(chance: Random, keyword: str) -> str:
    """Return an odd value for a keyword: often one of the right kind."""
    kind = chance.random()
    if kind < 0.5:
        if "DATE" in keyword or keyword.startswith("T_"):
            return f"'{chance.choice(TIMES)}'"
        if "UNIT" in keyword:
            return f"'{chance.choice(['', ' '])}{chance.choice(UNITS)}'"
        if keyword.startswith("CTYPE"):
            return f"'{chance.choice(CTYPES):<8}'"
    if kind < 0.75:
        number = chance.choice(NUMBERS)
        return f"'{number}'" if chance.random() < 0.2 else number
    if kind < 0.85:
        return _with_control(chance)
    if kind < 0.95:
        return chance.choice(STRINGS)
    return f"'{chance.choice([*TIMES, *UNITS, *CTYPES])}'"


def _with_control(chance: Random) -> str:
    text = chance.choice(["x", "tab here", "2020-01-01T00:00:11", "arcsec", "HPLN-TAN", "0.6", "DN"])
    position = chance.randrange(len(text) + 1)
    return f"'{text[:position]}{chance.choice(CONTROL)}{text[position:]}'"


# -- damage to headers -------------------------------------------------------------------------------


def _name(raw: bytes) -> str:
    return raw[:8].decode("latin-1").strip()


def _find(cards: Cards, keyword: str) -> int | None:
    return next((index for index, raw in enumerate(cards) if _name(raw) == keyword), None)


def _set(chance: Random, cards: Cards, keyword: str, new: bytes) -> str:
    """Replace the card of a keyword, or add it somewhere."""
    index = _find(cards, keyword)
    if index is None:
        index = chance.randrange(min(5, len(cards)), len(cards) + 1)
        cards.insert(index, new)
    else:
        cards[index] = new
    return repr(new.decode("latin-1").rstrip(" "))


def _wrong_value(chance: Random, cards: Cards) -> str:
    present = [name for name in map(_name, cards) if name not in (*STRUCTURAL, *COMPRESSED)]
    keyword = chance.choice(present if present and chance.random() < 0.4 else KEYWORDS)
    return _set(chance, cards, keyword, card(keyword, _literal(chance, keyword), chance.choice(["", "", "comment"])))


def _wrong_coordinate(chance: Random, cards: Cards) -> str:
    keyword = chance.choice(COORDINATES)
    return _set(chance, cards, keyword, card(keyword, _literal(chance, keyword)))


def _related_values(chance: Random, cards: Cards) -> str:
    keywords = chance.choice(RELATED)
    numbers = chance.choices(words("0 1 -1 0.5 5 45 1E5 6378137.0 1E15 1E100 1E300 -1E300 1E-300"), k=len(keywords))
    literals = [
        _literal(chance, keyword) if chance.random() < 0.2 or keyword.startswith(("DATE", "CTYPE", "CUNIT")) else number
        for keyword, number in zip(keywords, numbers, strict=True)
    ]
    pairs = zip(keywords, literals, strict=True)
    return " ".join([_set(chance, cards, keyword, card(keyword, literal)) for keyword, literal in pairs])


def _wrong_structure(chance: Random, cards: Cards) -> str:
    present = [name for name in map(_name, cards) if name in COMPRESSED]
    keyword = chance.choice([*STRUCTURAL, *present])
    literals = [
        *NUMBERS,
        *separated(
            """
        -8 | -16 | 8 | 16 | 32 | 64 | -32 | -64 | 300 | 30000 | 100000 | 'RICE_1' | 'GZIP_1' | '1PB(10)' | '1QB' |
        'PLIO_1' | 'HCOMPRESS_1' | 'BINTABLE' | 'IMAGE' | 'TABLE' | ''
        """
        ),
    ]
    return _set(chance, cards, keyword, card(keyword, chance.choice(literals)))


def _scaled_pixels(chance: Random, cards: Cards) -> str:
    extremes = words(
        "1E300 -1E300 1E308 1E38 3E38 -3E38 1E-300 1E-45 0 -1 nan inf 1E400 65536 2147483648 '1' 0.5 32768"
    )
    return " ".join(
        _set(chance, cards, keyword, card(keyword, chance.choice(extremes)))
        for keyword in chance.sample(["BSCALE", "BZERO", "BLANK", "ZSCALE", "ZZERO"], chance.randint(1, 2))
    )


def _duplicate(chance: Random, cards: Cards) -> str:
    raw = chance.choice(cards)
    if chance.random() < 0.5 and _name(raw):
        raw = card(_name(raw), _literal(chance, _name(raw)))
    cards.insert(chance.randint(0, len(cards)), raw)
    return f"again {raw.decode('latin-1').rstrip()!r}"


def _missing(chance: Random, cards: Cards) -> str:
    index = chance.randrange(len(cards))
    if chance.random() < 0.5:
        index = _find(cards, chance.choice(KEYWORDS)) or index
    raw = cards.pop(index)
    return f"without {raw.decode('latin-1').rstrip()!r}"


def _other_order(chance: Random, cards: Cards) -> str:
    first = min(chance.choice([0, 0, 5]), len(cards) - 1)
    start, stop = sorted(chance.sample(range(first, len(cards) + 1), 2))
    part = cards[start:stop]
    chance.shuffle(part)
    cards[start:stop] = part
    return f"cards {start} to {stop} shuffled"


def _continue(chance: Random, cards: Cards) -> str:
    texts = separated(
        """
        CONTINUE  'more' | CONTINUE  'more&' | CONTINUE  5 | CONTINUE | CONTINUE  'unclosed | CONTINUE= 'x' |
        CONTINUE  '' | CONTINUE  '&' | CONTINUE  / comment | CONTINUE  'tab\there&'
        """
    )
    before = [
        [],
        [card("FOO", "'x&'")],
        [card("FOO", "5")],
        [card("FOO", "'x'")],
        [b"HISTORY x&".ljust(_CARD)],
        [card("T_OBS", "'2020&'")],
    ]
    count = chance.choice([1, 1, 2, 3, 50])
    new = [*chance.choice(before), *(chance.choice(texts).encode("latin-1").ljust(_CARD) for _ in range(count))]
    index = chance.randint(0, len(cards))
    cards[index:index] = new
    return " | ".join(raw.decode("latin-1").rstrip() for raw in new[:4])


def _hierarch(chance: Random, cards: Cards) -> str:
    names = separated(
        """
        ESO A B C | eso a b c | FOO | NAXIS1 | AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA |
        ESO  TWO  BLANKS |  | a=b | ESO 'X' | T_OBS | \t | ÅNGSTRÖM | CRPIX1 | SIMPLE | HIERARCH X | A.B.C
        """
    )
    values = ["5", "'text'", "'unclosed", "", "nan", "1E400", "'" + "long" * 15 + "'", "T", "'x&'", "(1, 2)"]
    separator = chance.choice([" = ", "= ", "=", " ", " =  "])
    text = f"HIERARCH {chance.choice(names)}{separator}{chance.choice(values)}"
    raw = text.encode("latin-1").ljust(_CARD)[:_CARD]
    index = chance.randint(min(5, len(cards)), len(cards))
    cards[index:index] = [raw] * chance.choice([1, 1, 2])
    return repr(text)


def _rubbish(chance: Random, cards: Cards) -> str:
    start = chance.choice(
        [b"HISTORY ", b"COMMENT ", b"        ", b"", b"FOO     = ", b"FOO     = '", b"CRPIX1  = ", b"HISTORY= "]
    )
    raw = start + chance.randbytes(_CARD - len(start))
    if chance.random() < 0.4:
        raw = start + chance.choice(CONTROL).encode("latin-1") + b"rubbish" + chance.choice(CONTROL).encode("latin-1")
    raw = raw.ljust(_CARD)[:_CARD]
    index = chance.randint(min(5, len(cards)), len(cards))
    if chance.random() < 0.5:
        cards.insert(index, raw)
    else:
        cards[index - 1] = raw
    return repr(raw.decode("latin-1").rstrip(" "))


def _odd_keyword(chance: Random, cards: Cards) -> str:
    keyword = chance.choice(ODD_KEYWORDS)
    text = f"{keyword:<8}{chance.choice(['= ', '=', '  ', ' = ', '=  '])}{_literal(chance, keyword)}"
    raw = text.encode("latin-1", "replace").ljust(_CARD)[:_CARD]
    index = chance.randint(min(5, len(cards)), len(cards))
    cards[index:index] = [raw] * chance.choice([1, 1, 2])
    return repr(text)


def _distortion(chance: Random, cards: Cards) -> str:
    order = chance.choice([0, 1, 2, 3, 9, 10, 50, 1000, -1])
    new = [
        card("CTYPE1", "'HPLN-TAN-SIP'"),
        card("CTYPE2", "'HPLT-TAN-SIP'"),
        card("A_ORDER", str(order)),
        card("B_ORDER", str(order)),
    ]
    new += [
        card(f"{chance.choice('AB')}_{chance.randint(0, 3)}_{chance.randint(0, 3)}", chance.choice(NUMBERS))
        for _ in range(3)
    ]
    chosen = chance.sample(new, chance.randint(2, len(new)))
    return " ".join([_set(chance, cards, _name(raw), raw) for raw in chosen])


def _many_cards(chance: Random, cards: Cards) -> str:
    count = chance.choice([300, 3000, 20_000])
    kind = chance.choice(["K{:07d}", "HISTORY {}", "COMMENT", "FOO", "HIERARCH {} ="])
    cards[len(cards) :] = [f"{kind.format(i):<8}= {i}".encode().ljust(_CARD) for i in range(count)]
    return f"{count} x {kind}"


HEADER_MUTATIONS: dict[HeaderMutation, int] = {
    _wrong_value: 30,
    _wrong_coordinate: 12,
    _related_values: 6,
    _wrong_structure: 10,
    _scaled_pixels: 6,
    _duplicate: 6,
    _missing: 6,
    _other_order: 2,
    _continue: 5,
    _hierarch: 5,
    _rubbish: 8,
    _odd_keyword: 6,
    _distortion: 3,
    _many_cards: 1,
}


def mutate_headers(chance: Random, content: bytes) -> tuple[bytes, str]:
    """Damage the headers of a file. Return the file and what was done."""
    hdus = split_fits(content)
    main = max(range(len(hdus)), key=lambda index: len(hdus[index].cards))
    texts = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        hdu = hdus[main] if chance.random() < 0.9 else chance.choice(hdus)
        [mutation] = chance.choices(list(HEADER_MUTATIONS), list(HEADER_MUTATIONS.values()))
        texts.append(mutation(chance, hdu.cards))
    return join_fits(hdus), " + ".join(texts)


# -- damage to bytes ---------------------------------------------------------------------------------


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
            _set(chance, hdus[0].cards, f"NAXIS{axis}", card(f"NAXIS{axis}", str(side)))
        content = _pad(b"".join([*hdus[0].cards, _END]), b" ")
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
