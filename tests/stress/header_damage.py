"""Random damage to the cards of FITS headers."""

from __future__ import annotations

from collections.abc import Callable
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
from raw_fits import CARD, Cards, card, find_card, join_fits, keyword_of, set_card, split_fits

HeaderMutation = Callable[[Random, Cards], str]


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


def _wrong_value(chance: Random, cards: Cards) -> str:
    present = [name for name in map(keyword_of, cards) if name not in (*STRUCTURAL, *COMPRESSED)]
    keyword = chance.choice(present if present and chance.random() < 0.4 else KEYWORDS)
    return set_card(
        chance, cards, keyword, card(keyword, _literal(chance, keyword), chance.choice(["", "", "comment"]))
    )


def _wrong_coordinate(chance: Random, cards: Cards) -> str:
    keyword = chance.choice(COORDINATES)
    return set_card(chance, cards, keyword, card(keyword, _literal(chance, keyword)))


def _related_values(chance: Random, cards: Cards) -> str:
    keywords = chance.choice(RELATED)
    numbers = chance.choices(words("0 1 -1 0.5 5 45 1E5 6378137.0 1E15 1E100 1E300 -1E300 1E-300"), k=len(keywords))
    literals = [
        _literal(chance, keyword) if chance.random() < 0.2 or keyword.startswith(("DATE", "CTYPE", "CUNIT")) else number
        for keyword, number in zip(keywords, numbers, strict=True)
    ]
    pairs = zip(keywords, literals, strict=True)
    return " ".join([set_card(chance, cards, keyword, card(keyword, literal)) for keyword, literal in pairs])


def _wrong_structure(chance: Random, cards: Cards) -> str:
    present = [name for name in map(keyword_of, cards) if name in COMPRESSED]
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
    return set_card(chance, cards, keyword, card(keyword, chance.choice(literals)))


def _scaled_pixels(chance: Random, cards: Cards) -> str:
    extremes = words(
        "1E300 -1E300 1E308 1E38 3E38 -3E38 1E-300 1E-45 0 -1 nan inf 1E400 65536 2147483648 '1' 0.5 32768"
    )
    return " ".join(
        set_card(chance, cards, keyword, card(keyword, chance.choice(extremes)))
        for keyword in chance.sample(["BSCALE", "BZERO", "BLANK", "ZSCALE", "ZZERO"], chance.randint(1, 2))
    )


def _duplicate(chance: Random, cards: Cards) -> str:
    raw = chance.choice(cards)
    if chance.random() < 0.5 and keyword_of(raw):
        raw = card(keyword_of(raw), _literal(chance, keyword_of(raw)))
    cards.insert(chance.randint(0, len(cards)), raw)
    return f"again {raw.decode('latin-1').rstrip()!r}"


def _missing(chance: Random, cards: Cards) -> str:
    index = chance.randrange(len(cards))
    if chance.random() < 0.5:
        index = find_card(cards, chance.choice(KEYWORDS)) or index
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
        [b"HISTORY x&".ljust(CARD)],
        [card("T_OBS", "'2020&'")],
    ]
    count = chance.choice([1, 1, 2, 3, 50])
    new = [*chance.choice(before), *(chance.choice(texts).encode("latin-1").ljust(CARD) for _ in range(count))]
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
    raw = text.encode("latin-1").ljust(CARD)[:CARD]
    index = chance.randint(min(5, len(cards)), len(cards))
    cards[index:index] = [raw] * chance.choice([1, 1, 2])
    return repr(text)


def _rubbish(chance: Random, cards: Cards) -> str:
    start = chance.choice(
        [b"HISTORY ", b"COMMENT ", b"        ", b"", b"FOO     = ", b"FOO     = '", b"CRPIX1  = ", b"HISTORY= "]
    )
    raw = start + chance.randbytes(CARD - len(start))
    if chance.random() < 0.4:
        raw = start + chance.choice(CONTROL).encode("latin-1") + b"rubbish" + chance.choice(CONTROL).encode("latin-1")
    raw = raw.ljust(CARD)[:CARD]
    index = chance.randint(min(5, len(cards)), len(cards))
    if chance.random() < 0.5:
        cards.insert(index, raw)
    else:
        cards[index - 1] = raw
    return repr(raw.decode("latin-1").rstrip(" "))


def _odd_keyword(chance: Random, cards: Cards) -> str:
    keyword = chance.choice(ODD_KEYWORDS)
    text = f"{keyword:<8}{chance.choice(['= ', '=', '  ', ' = ', '=  '])}{_literal(chance, keyword)}"
    raw = text.encode("latin-1", "replace").ljust(CARD)[:CARD]
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
    return " ".join([set_card(chance, cards, keyword_of(raw), raw) for raw in chosen])


def _many_cards(chance: Random, cards: Cards) -> str:
    count = chance.choice([300, 3000, 20_000])
    kind = chance.choice(["K{:07d}", "HISTORY {}", "COMMENT", "FOO", "HIERARCH {} ="])
    cards[len(cards) :] = [f"{kind.format(i):<8}= {i}".encode().ljust(CARD) for i in range(count)]
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
