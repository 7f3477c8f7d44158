"""Random and hostile recipes: each is refused with its problems, or it runs and writes in its output folder only."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from bounded import MAX_MESSAGE_BYTES, Case
from scenes import small_exposure, small_sun

from aia_ccdproc import Recipe, get_plugin_manager, load_recipe, run
from aia_ccdproc.errors import RecipeError
from aia_ccdproc.plugin.settings import SettingInfo
from aia_ccdproc.synthetic import builtin_pointing_path

#: The first cases are random recipes, and those after them are hostile.
RANDOM_CASES = 500
_INPUT = "in.fits"
_TABLE = "pointing.ecsv"


def run_case(case: Case) -> None:
    """Write a recipe, check it, and run it if it is valid."""
    path = case.folder / "recipe.toml"
    if case.number < RANDOM_CASES:
        path.write_bytes(_random_recipe(case.chance).encode("utf-8", "surrogatepass"))
        case.describe(repr(path.read_text(errors="replace"))[:300])
    else:
        name, build = list(_HOSTILE.items())[(case.number - RANDOM_CASES) % len(_HOSTILE)]
        content = build(case.chance)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        case.describe(f"{name}: {content[:150]!r}")
    if hasattr(os, "mkfifo"):
        os.mkfifo(case.folder / "pipe.fits")
    shutil.copyfile(_image(case.folder.parent), case.folder / _INPUT)
    shutil.copyfile(builtin_pointing_path(), case.folder / _TABLE)
    before = {entry.name for entry in case.folder.iterdir()}
    loaded: list[Recipe] = []
    with case.watch():
        try:
            loaded.append(load_recipe(path))
        except RecipeError as error:
            case.result = "refused"
            _check_problems(case, error)
    if loaded and not _needs_network(loaded[0]):
        case.result = "did not run"
        with case.watch():
            [result] = run([case.folder / _INPUT], loaded[0], case.outputs)
            case.result = f"valid, {result.status}"
            case.check_result(result)
    elif loaded:
        case.result = "valid, needs the network"
    if after := {entry.name for entry in case.folder.iterdir()} - before:
        case.add("left behind", sorted(after))


def _check_problems(case: Case, error: RecipeError) -> None:
    text = str(error)
    if len(text.encode(errors="replace")) > MAX_MESSAGE_BYTES:
        case.add("long message", f"{len(text)} characters, {len(error.problems)} problems: {text[:200]}")
    if any(not problem.message.strip() for problem in error.problems):
        case.add("empty message", text[:200])
    if not all(character.isprintable() or character == "\n" for character in text):
        case.add("message with control characters", ascii(text)[:200])


def _needs_network(recipe: Recipe) -> bool:
    settings = [
        settings
        for step in recipe
        for settings in (step.settings, *(variant.settings for variant in step.when))
        if settings
    ]
    sources = [source for value in settings for source in getattr(value, "sources", ())]
    return any(isinstance(source, str) and (source in ("auto", "jsoc") or "://" in source) for source in sources)


@functools.cache
def _image(folder: Path) -> Path:
    exposure = small_exposure(shape=(48, 64), corner=(2040, 1980))
    return exposure.write_level1(exposure.image(small_sun(), noise=1), folder / _INPUT)


# -- random recipes ----------------------------------------------------------------------------------


def _split(text: str) -> list[str]:
    return text.split("|")


_VALUES = _split(
    """true | false | 0 | 1 | -1 | 2 | 5 | 0.5 | 0.6 | -0.0 | 1e-300 | 1e300 | 1e400 | nan | inf | -inf | 2147483648 |
    9223372036854775807 | 9223372036854775808 | 0x800100f0 | 0o17 | 0b11 | 1_000 | [] | {} | [1,2] | [[]] | [{}] |
    ["a","b"] | [1,"a"] | {a=1} | {min=1} | {max=2} | {min=3,max=2} | {not=1} | {not=[1,2]} | {reject_bits=1} |
    {reject_bits=-1} | {reject_bits=1.5} | {min=2020-01-01} | {max="2020-13-01"} | {min=nan} | {} | 2020-01-01 |
    12:00:00 | 2020-01-01T00:00:00 | 2020-01-01T00:00:00Z | 9999-12-31T23:59:59-01:00 | 0001-01-01T00:00:00+01:00 |
    "" | " " | "x" | "nan" | "171" | "*" | "[" | "AIA*" | "in.fits" | "missing.fits" | "recipe.toml" | "pipe.fits" |
    "out" | "." | "/" | "~" | "~nobody/x" | "bicubic" | "bilinear" | "exact" | "adaptive-hann" |
    "nearest-neighbor" | "brightness" | "counts" | "keep" | "error" | "none" | "rice" | "lossless" | "cache" |
    "generic" | "{stem}.fits" | "{stem}" | "{WAVELNTH:04d}/{stem}.fits" | "{T_OBS:%Y}/{stem}.fits.gz" |
    "{stem:>10}.fits" | "{0}.fits" | "{.fits" | "../{stem}.fits" | "/{stem}.fits" | "x.fits" | "{FOO}.fits" |
    '''a''' | \"\"\"b\"\"\" | "\\u0000" | "\\u0007" | "\\U0001F31E" | "1 DN" | "5 s" | "[0:10, 0:10]"
    """
)
_OWN = ["update_pointing", "register", "normalize_exposure"]
_PLAUSIBLE = {
    "name": ['"{stem}.fits"', '"{WAVELNTH:04d}/{stem}_{T_OBS:%Y%m%d}.fits"', '"{stem}_{EXPTIME}.fits.gz"'],
    "description": ['"text"'],
    "instrument": ['"generic"', '"AIA"', '["AIA", "HMI"]', '{not="HMI"}'],
    "plate_scale": ["0.6", "3.16"],
    "hdu": ["0", "1", '"COMPRESSED_IMAGE"'],
    "compression": ['"none"', '"rice"', '"lossless"'],
    "overwrite": ["true", "false"],
    "WAVELNTH": ["94", "[94, 171]", "{not=171}", "{min=90, max=200}"],
    "T_OBS": ["{min=2020-01-01}", '{max="2021-01-01T00:00:00Z"}'],
    "QUALITY": ["0", "{reject_bits=0x800100f0}"],
    "EXPTIME": ["{max=10}", "{min=1e-3, max=1e3}", "2.9"],
    "INSTRUME": ['"AIA*"', '"aia_4"', '{not="AIA_1"}'],
    "skip": ["true"],
    "plugin": ['"aia-ccdproc"'],
    "only": ["{EXPTIME={max=10}}", '{instrument="AIA"}'],
    "method": ['"bicubic"', '"bilinear"', '"nearest-neighbor"', '"exact"', '"adaptive-hann"'],
    "conserve": ['"brightness"', '"counts"'],
    "on_missing": ['"keep"', '"error"'],
    "fill": ["0", "-1.5", "nan", "3e38"],
    "saturation": ["16383", "100.5", "-1"],
    "force": ["true", "false"],
    "target": ['"in.fits"'],
    "timeout": ["1", "0.5"],
    "server": ['"http://127.0.0.1:1/"'],
    # of ccdproc's steps
    "gain": ['"2 electron / DN"'],
    "readnoise": ['"20 electron"'],
    "trim": ['"[1:40, 1:30]"'],
    "fits_section": ['"[1:40, 1:30]"'],
    "block_size": ["2", "[2, 3]"],
    "sigclip": ["4.5"],
    "new_min": ["0"],
    "gain_corrected": ["true"],
}
_ODD_KEYS = ["foo", "'a.b'", '""', "a.b.c", "WAVELNTH", '"x\\ty"', "source", "when", "skip"]
#: Characters that are put into recipes.
_TEXTS = [*"\0\t\n\r\x07\x7f\u2028\ufeff\ud800=[]{}\"'#.,\\é0_- ", "\x1b[31m", "[[", "e9"]


def _random_recipe(chance: Random) -> str:
    text = _Writer(chance, odd=chance.choice([0, 0, 0, 0.02, 0.1, 0.4])).recipe()
    for _ in range(chance.choice([0, 0, 0, 0, 0, 1, 2])):
        text = _damaged(chance, text)
    return text


class _Writer:
    """Writes random recipes, in which a key or value is odd with a given probability."""

    def __init__(self, chance: Random, odd: float) -> None:
        self._chance, self._odd = chance, odd

    def recipe(self) -> str:
        chance = self._chance
        lines = self._assign(self._keys(["description", "hdu"], 0.1))
        if chance.random() < 0.1:
            lines += ['instrument = "generic"', *self._assign(["plate_scale"])]
        if chance.random() < 0.3:
            known = ["WAVELNTH", "T_OBS", "QUALITY", "EXPTIME", "instrument", "INSTRUME"]
            lines += ["[select]", *self._assign(self._keys(known, 0.3))]
        if chance.random() < 0.3:
            lines += ["[output]", *self._assign(self._keys(["name", "compression", "overwrite"], 0.5))]
        steps = get_plugin_manager().steps()
        for name in steps:
            if chance.random() < (0.7 if name in _OWN else 0.03):
                lines += self._step(name, steps[name].settings.document())
        if chance.random() < self._odd:
            lines += ["[[step]]", 'use = "register"', "force = true"]
        return "\n".join(lines) + "\n"

    def _step(self, name: str, settings: dict[str, SettingInfo]) -> list[str]:
        chance = self._chance
        required = [key for key, setting in settings.items() if setting.required]
        lines = ["[[step]]", f'use = "{name if chance.random() > self._odd else name[:-1]}"']
        given = self._keys([key for key in settings if key in _PLAUSIBLE], 0.25)
        if name == "update_pointing":
            lines.append(f'source = "{_TABLE}"')
        lines += self._assign([*required, *self._keys(["plugin", "only"], 0.05), *given])
        for _ in range(chance.choice([0, 0, 0, 0, 1, 2])):
            changes = [key for key in settings if key in _PLAUSIBLE and key not in ("method", "server")]
            keys = [*self._keys(["WAVELNTH", "T_OBS"], 0.2), "EXPTIME", chance.choice(changes or ["skip"])]
            lines += ["[[step.when]]", *self._assign(keys)]
        return lines

    def _keys(self, known: list[str], probability: float) -> list[str]:
        chance = self._chance
        chosen = [key for key in known if chance.random() < probability]
        if chance.random() < self._odd / 2:
            chosen.append(chance.choice([*_ODD_KEYS, *(key.upper() for key in known)]))
        return chosen

    def _assign(self, keys: list[str]) -> list[str]:
        return [f"{key} = {self._value(key)}" for key in dict.fromkeys(keys)]

    def _value(self, key: str) -> str:
        is_odd = key not in _PLAUSIBLE or self._chance.random() < self._odd
        return self._chance.choice(_VALUES if is_odd else _PLAUSIBLE[key]).strip()


def _damaged(chance: Random, text: str) -> str:
    start = chance.randrange(len(text))
    length = chance.choice([1, 1, 2, 10])
    lines = text.splitlines(keepends=True)
    kind = chance.randrange(5)
    if kind == 0:
        return text[:start] + chance.choice(_TEXTS) + text[start:]
    if kind == 1:
        return text[:start] + text[start + length :] + " "
    if kind == 2:
        return text[: start + 1]
    if kind == 3:
        return text + chance.choice(lines)
    chance.shuffle(lines)
    return "".join(lines)


# -- hostile recipes ---------------------------------------------------------------------------------

Builder = Callable[[Random], str | bytes]


def _many(chance: Random, most: int = 20_000) -> int:
    return min(most, chance.choice([60, 900, 3000, 20_000]))


def _filled(before: str, text: str, after: str, choices: tuple[object, ...]) -> Builder:
    """Return a builder that puts one of the choices in the place of @."""
    return lambda chance: f"{before}{text.replace('@', str(chance.choice(choices)))}\n{after}"


def _setting(text: str, *choices: object) -> Builder:
    """Return the builder of a recipe with a line at its end, which belongs to register."""
    return _filled(_VALID, text, "", choices or ("@",))


def _top(text: str, *choices: object) -> Builder:
    """Return the builder of a recipe that begins with some lines."""
    return _filled("", text, _VALID, choices or ("@",))


def _source(text: str, *choices: object) -> Builder:
    """Return the builder of a recipe with a source of pointing records."""
    return _filled('[[step]]\nuse = "update_pointing"\nsource = ', text, "", choices or ("@",))


def _step(text: str, *choices: object) -> Builder:
    """Return the builder of a recipe with one step."""
    return _filled('[[step]]\nuse = "', text, "", choices or ("@",))


def _nested(before: str, opening: str, inner: str, closing: str, after: str = "", most: int = 20_000) -> Builder:
    """Return the builder of a recipe with something that is nested many times."""

    def build(chance: Random) -> str:
        depth = _many(chance, most)
        return f"{before}{opening * depth}{inner}{closing * depth}\n{after}"

    return build


def _long(before: str, part: str, after: str = "", lengths: tuple[int, ...] = (60, 900, 3000, 20_000)) -> Builder:
    """Return the builder of a recipe with something that is repeated many times."""
    return lambda chance: f"{before}{part * chance.choice(lengths)}{after}"


def _numbered(before: str, line: str, after: str = "", most: int = 20_000) -> Builder:
    """Return the builder of a recipe with many lines that contain their number in the place of @."""
    return lambda chance: before + "".join(line.replace("@", str(i)) for i in range(_many(chance, most))) + after


def _same(content: str | bytes) -> Builder:
    return lambda chance: content


_VALID = f'[[step]]\nuse = "update_pointing"\nsource = "{_TABLE}"\n[[step]]\nuse = "register"\n'
_AFTER = f"\n{_VALID}"
_HOSTILE: dict[str, Builder] = {
    "nested arrays": _nested("name = ", "[", "", "]", _VALID),
    "nested arrays, open": _nested("name = ", "[", "", ""),
    "nested tables": _nested("name = ", "{a=", "1", "}", _VALID),
    "nested setting": _nested(f"{_VALID}fill = ", "[", "", "]", most=400),
    "nested condition": _nested(f"{_VALID}[select]\nA = ", "[", "", "]", most=400),
    "nested inline table": _nested(f"{_VALID}target = {{", "a.", "a = 1}", "", most=900),
    "nested steps": lambda chance: "".join(f"[[{'.'.join(['step'] * i)}]]\n" for i in range(1, 100)),
    "long integer": _long("name = ", "9", _AFTER, (4000, 5000)),
    "long integer setting": _long(f"{_VALID}fill = ", "9", "\n", (400, 4000, 5000, 100_000)),
    "long hexadecimal": _long("hdu = 0x", "f", _AFTER, (20, 20_000)),
    "long octal": _long("[select]\nQUALITY = { reject_bits = 0o", "7", f" }}{_AFTER}"),
    "long binary": _long(f"{_VALID}fill = 0b", "1", "\n", (100_000,)),
    "long float": _long(f"{_VALID}fill = 0.", "1", "e-99999999\n", (100_000,)),
    "long bound": _long(f"{_VALID}[select]\nEXPTIME = {{ min = 0x", "f", " }\n"),
    "long condition": _long(f"{_VALID}[select]\nEXPTIME = 0x", "f", "\n", (300, 20_000)),
    "long key": _long("a", ".a", f" = 1{_AFTER}"),
    "long table": _long("[a", ".a", f"]{_AFTER}"),
    "long key of a setting": _long(f"{_VALID}a", ".a", " = 1\n"),
    "long name": _long('name = "', "x", f'"{_AFTER}', (1_000_000,)),
    "long unknown step": _long('[[step]]\nuse = "', "x", '"\n', (1000, 100_000)),
    "long unknown key": _long("", "x", f" = 1{_AFTER}", (1000, 100_000)),
    "long unknown method": _long(f'{_VALID}method = "', "x", '"\n', (1000, 100_000)),
    "long path": _long('[[step]]\nuse = "update_pointing"\nsource = "', "x/", 'x"\n', (200, 5000)),
    "long comment": _long("# ", "x", _AFTER, (5_000_000,)),
    "long value": _long(f'{_VALID}force = "', "x", '"\n', (1_000_000,)),
    "long array": _long(f"{_VALID}target = [", "[], ", "]\n", (50_000,)),
    "many unknown keys": _numbered("", "key@ = 1\n", _VALID),
    "many unknown settings": _numbered(_VALID, "key@ = 1\n"),
    "many unknown steps": _numbered("", '[[step]]\nuse = "step@"\n', most=3000),
    "many steps": _numbered("", '[[step]]\nuse = "register"\nforce = true\n', most=3000),
    "many conditions": _numbered(f"{_VALID}[select]\n", "K@ = []\n"),
    "many variants": _numbered(_VALID, "[[step.when]]\nEXPTIME = {min=@}\nskip = true\n", most=2000),
    "many tables": _numbered("", "[t@]\n", _VALID),
    "many values": _long("[select]\nWAVELNTH = [", "94, ", f"]{_AFTER}"),
    "many sources": _long('[[step]]\nuse = "update_pointing"\nsource = [', "'missing', ", "]\n"),
    "many lines": _long("", "\n", _VALID, (2_000_000,)),
    "pattern of stars": _long('[select]\nACS_MODE = "', "*a", f'"{_AFTER}', (5000,)),
    "pattern of brackets": _long('[select]\nACS_MODE = "', "[!-~]*", f'"{_AFTER}', (50,)),
    "open string": _long(f'{_VALID}name = """', "x\n", "", (100_000,)),
    "not UTF-8": _same(f"{_VALID}# ".encode() + b"\xff\xfe\n"),
    "UTF-16": _same(_VALID.encode("utf-16")),
    "byte order mark": _same(b"\xef\xbb\xbf" + _VALID.encode()),
    "zeros": _same(bytes(1_000_000)),
    "random bytes": lambda chance: chance.randbytes(100_000),
    "control characters": _same(f'name = "a\\u001b[31mb\\u0000\\u202e"\n{_VALID}"k\\u001b[31m\\u0007" = 1\n'),
    "control characters in a step": _step('reg\\u001b[2Jister\\r\\n"'),
    "newlines in the name": _top('name = "a\\nb\\rHISTORY"'),
    "name beyond ASCII": _top('name = "☉ \\U0001F31E \\u0301"'),
    "output outside": _top('[output]\nname = "../{stem}.fits"'),
    "output absolute": _top('[output]\nname = "/absolute/{stem}.fits"'),
    "output above": _top('[output]\nname = "a/../../{stem}.fits"'),
    "output attribute": _top('[output]\nname = "{stem.__class__}.fits"'),
    "output wide": _top('[output]\nname = "{WAVELNTH:0999999999d}.fits"'),
    "output long": _long('[output]\nname = "', "x", f'{{stem}}.fits"{_AFTER}', (247, 248, 4000)),
    "output deep": _long('[output]\nname = "', "x/", f'{{stem}}.fits"{_AFTER}', (100, 1000, 3000)),
    "output time": _long('[output]\nname = "{T_OBS:', "%Y", f'}}{{stem}}.fits"{_AFTER}', (10, 3000)),
    "output field": _long('[output]\nname = "{', "A", f'}}.fits"{_AFTER}', (8, 10_000)),
    "endless source": _source('"@"', "/dev/zero", "/dev/urandom"),
    "pipe as source": _source('"pipe.fits"'),
    "folder as source": _source('"out"'),
    "image as source": _source(f'"{_INPUT}"'),
    "memory as source": _source('"/proc/self/mem"'),
    "endless target": _setting('target = "@"', "/dev/zero", "/dev/urandom"),
    "pipe as target": _setting('target = "pipe.fits"'),
    "folder as target": _setting('target = "out"'),
    "table as target": _setting(f'target = "{_TABLE}"'),
    "terminal as target": _setting('target = "/dev/stdin"'),
    "tiny pixels": _top('instrument = "generic"\nplate_scale = 1e-300'),
    "huge pixels": _top('instrument = "generic"\nplate_scale = 1e300'),
    "other pixels": _top('instrument = "generic"\nplate_scale = @', 0.001, 1e-6, 50, 6000),
    "huge fill": _setting("fill = @", "1e39", "3.4e38", "-inf", "1e-50"),
    "huge saturation": _setting("saturation = @", "1e308", "-1e308", "1e-320"),
    "huge hdu": _top("hdu = @", 2**63 - 1, 10**20, 1, -1),
    "hdu name": _top('hdu = "@"', "x" * 10_000, "☉", "PRIMARY", "*", "\\t"),
    "dates": _top(
        "[select]\nT_OBS = { min = @ }",
        *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01", "12:00:00"),
    ),
    "module as plugin": _setting('plugin = "@"', "numpy", "os", "__main__", "", ".", "aia-ccdproc"),
    "attribute as step": _step(
        '@"', "__class__", "ccdproc.__init__", "ccdproc.", "ccdproc.os", "prep_register", "ccdproc.combine", "../x"
    ),
    "blocks": _step('ccdproc.block_replicate"\nblock_size = @', 0, -1, 1000, 10**9, 10**30),
    "larger blocks": _step('ccdproc.block_average"\nblock_size = @', 0, -1, 1000, 10**9, 10**30),
    "schemes": _source('"@://host/x"', "ftp", "file", "jar:file", "javascript", "data", "gopher", "FILE"),
    "password in a URL": _source('"https://user:@/x"', "secret@[::1", "secret@host", "secret@host:x"),
    "odd URL": _source(
        '"@"', "http://", "http://[", "http://x:99999999/", "http://x y/", "HTTP://☉/", "://", "http://127.0.0.1:1/x"
    ),
    "itself twice": _same(_VALID * 2),
    "empty": lambda chance: chance.choice(["", " ", "\n", "#"]),
    "carriage returns": lambda chance: _VALID.replace("\n", chance.choice(["\r\n", "\r"])),
}
