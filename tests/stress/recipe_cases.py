"""Random and hostile recipes: each is refused with its problems, or it runs and writes in its output folder only."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from bounded import Case
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
        name, build = _HOSTILE[(case.number - RANDOM_CASES) % len(_HOSTILE)]
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
            if result.traceback and "Plugin" not in result.error:
                case.add(f"escaped {result.error.partition(':')[0]}", f"{result.error} [batch] {result.traceback[-300:]}")
            if "MemoryError" in result.error:
                case.add("memory", result.error)
    elif loaded:
        case.result = "valid, needs the network"
    if after := {entry.name for entry in case.folder.iterdir()} - before:
        case.add("left behind", sorted(after))


def _check_problems(case: Case, error: RecipeError) -> None:
    text = str(error)
    if len(text.encode(errors="replace")) > 20_000:
        case.add("long message", f"{len(text)} characters, {len(error.problems)} problems: {text[:200]}")
    for problem in error.problems:
        if not problem.message.strip():
            case.add("empty message", problem)
        if not all(character.isprintable() or character in "\n" for character in str(problem)):
            case.add("message with control characters", ascii(str(problem))[:200])


def _needs_network(recipe: Recipe) -> bool:
    settings = [settings for step in recipe for settings in (step.settings, *(variant.settings for variant in step.when)) if settings]
    sources = [source for value in settings for source in getattr(value, "sources", ())]
    return any(isinstance(source, str) and (source in ("auto", "jsoc") or "://" in source) for source in sources)


@functools.cache
def _image(folder: Path) -> Path:
    exposure = small_exposure(shape=(48, 64), corner=(2040, 1980))
    return exposure.write_level1(exposure.image(small_sun(), noise=1), folder / _INPUT)


def _valid() -> str:
    return f'[[step]]\nuse = "update_pointing"\nsource = "{_TABLE}"\n[[step]]\nuse = "register"\n'


# -- random recipes ----------------------------------------------------------------------------------

_VALUES = """true | false | 0 | 1 | -1 | 2 | 5 | 0.5 | 0.6 | -0.0 | 1e-300 | 1e300 | 1e400 | nan | inf | -inf | 2147483648 |
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
    """.split("|")  # fmt: skip
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
_TEXTS = ["\0", "\t", "\n", "\r", "\x07", "\x1b[31m", "\x7f", "\u2028", "\ufeff", "\ud800", "=", "[", "]", "{", "}", '"', "'", "#", ".", ",", "\\", "[[", "é", "0", "e9", "_", "-", " "]  # fmt: skip


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


def _many(chance: Random) -> int:
    return chance.choice([60, 900, 3000, 20_000])


def _setting(text: str) -> Callable[[Random], str]:
    """Return a builder of a valid recipe with a line at its end, which belongs to register."""
    return lambda chance: f"{_valid()}{text}\n"


def _top(text: str) -> Callable[[Random], str]:
    return lambda chance: f"{text}\n{_valid()}"


def _source(text: str) -> Callable[[Random], str]:
    return lambda chance: f'[[step]]\nuse = "update_pointing"\nsource = {text}\n'


_MISSING = "'missing', "
_HOSTILE: list[tuple[str, Callable[[Random], str | bytes]]] = [
    ("nested arrays", lambda chance: f"name = {'[' * (n := _many(chance))}{']' * n}\n{_valid()}"),
    ("nested arrays, open", lambda chance: f"name = {'[' * _many(chance)}"),
    ("nested tables", lambda chance: f"name = {'{a=' * (n := _many(chance))}1{'}' * n}\n{_valid()}"),
    ("nested setting", lambda chance: f"{_valid()}fill = {'[' * (n := min(400, _many(chance)))}{']' * n}\n"),
    ("nested condition", lambda chance: f"{_valid()}[select]\nA = {'[' * (n := min(400, _many(chance)))}{']' * n}\n"),
    ("long integer", lambda chance: f"name = {'9' * 5000}\n{_valid()}"),
    ("long integer setting", lambda chance: f"{_valid()}fill = {'9' * chance.choice([400, 4000, 5000, 100_000])}\n"),
    ("long hexadecimal", lambda chance: f"hdu = 0x{'f' * chance.choice([20, 20_000])}\n{_valid()}"),
    ("long octal", lambda chance: f"[select]\nQUALITY = {{ reject_bits = 0o{'7' * 20_000} }}\n{_valid()}"),
    ("long binary", lambda chance: f"{_valid()}fill = 0b{'1' * 100_000}\n"),
    ("long float", lambda chance: f"{_valid()}fill = 0.{'1' * 100_000}e-99999999\n"),
    ("long bound", lambda chance: f"{_valid()}[select]\nEXPTIME = {{ min = 0x{'f' * 20_000} }}\n"),
    ("long condition", lambda chance: f"{_valid()}[select]\nEXPTIME = 0x{'f' * chance.choice([300, 20_000])}\n"),
    ("dotted key", lambda chance: f"{'.'.join('a' * _many(chance))} = 1\n{_valid()}"),
    ("dotted table", lambda chance: f"[{'.'.join('a' * _many(chance))}]\n{_valid()}"),
    ("dotted setting", lambda chance: f"{_valid()}{'.'.join('a' * _many(chance))} = 1\n"),
    ("nested steps", lambda chance: "".join(f"[[{'.'.join(['step'] * i)}]]\n" for i in range(1, 100))),
    ("many unknown keys", lambda chance: "".join(f"key{i} = 1\n" for i in range(_many(chance))) + _valid()),
    ("many unknown settings", lambda chance: _valid() + "".join(f"key{i} = 1\n" for i in range(_many(chance)))),
    ("many unknown steps", lambda chance: "".join(f'[[step]]\nuse = "step{i}"\n' for i in range(min(3000, _many(chance))))),
    ("many steps", lambda chance: '[[step]]\nuse = "register"\nforce = true\n' * min(3000, _many(chance))),
    ("many conditions", lambda chance: f"{_valid()}[select]\n" + "".join(f"K{i} = []\n" for i in range(_many(chance)))),
    ("many values", lambda chance: f"[select]\nWAVELNTH = [{'94, ' * _many(chance)}]\n{_valid()}"),
    ("many variants", lambda chance: _valid() + '[[step.when]]\nEXPTIME = {min=9}\nskip = true\n' * min(2000, _many(chance))),
    ("pattern of stars", lambda chance: f"[select]\nACS_MODE = \"{'*a' * 5000}\"\n{_valid()}"),
    ("pattern of brackets", lambda chance: f"[select]\nACS_MODE = \"{'[!-~]*' * 50}\"\n{_valid()}"),
    ("long name", lambda chance: f"name = \"{'x' * 1_000_000}\"\n{_valid()}"),
    ("long unknown step", lambda chance: f"[[step]]\nuse = \"{'x' * chance.choice([1000, 100_000])}\"\n"),
    ("long unknown key", lambda chance: f"{'x' * 100_000} = 1\n{_valid()}"),
    ("long unknown method", lambda chance: f"{_valid()}method = \"{'x' * 100_000}\"\n"),
    ("long path", lambda chance: f"[[step]]\nuse = \"update_pointing\"\nsource = \"{'x/' * chance.choice([200, 5000])}x\"\n"),
    ("long comment", lambda chance: f"# {'x' * 5_000_000}\n{_valid()}"),
    ("many lines", lambda chance: "\n" * 2_000_000 + _valid()),
    ("open string", lambda chance: _valid() + 'name = """' + "x\n" * 100_000),
    ("not UTF-8", lambda chance: _valid().encode() + b"# \xff\xfe\n"),
    ("UTF-16", lambda chance: _valid().encode("utf-16")),
    ("byte order mark", lambda chance: b"\xef\xbb\xbf" + _valid().encode()),
    ("zeros", lambda chance: bytes(1_000_000)),
    ("random bytes", lambda chance: chance.randbytes(100_000)),
    ("control characters", lambda chance: 'name = "a\\u001b[31mb\\u0000\\u202e"\n' + _valid() + '"k\\u001b[31m\\u0007" = 1\n'),
    ("control characters in step", lambda chance: '[[step]]\nuse = "reg\\u001b[2Jister\\r\\n"\n'),
    ("newlines in name", _top('name = "a\\nb\\rHISTORY"')),
    ("name beyond ASCII", _top('name = "☉ \\U0001F31E \\u0301"')),
    ("output outside", _top('[output]\nname = "../{stem}.fits"')),
    ("output absolute", _top('[output]\nname = "/tmp/{stem}.fits"')),
    ("output hidden", _top('[output]\nname = "a/../../{stem}.fits"')),
    ("output attribute", _top('[output]\nname = "{stem.__class__}.fits"')),
    ("output wide", _top('[output]\nname = "{WAVELNTH:0999999999d}.fits"')),
    ("output long", lambda chance: f"[output]\nname = \"{'x' * chance.choice([250, 251, 4000])}{{stem}}.fits\"\n{_valid()}"),
    ("output deep", lambda chance: f"[output]\nname = \"{'x/' * chance.choice([100, 1000, 3000])}{{stem}}.fits\"\n{_valid()}"),
    ("output time", lambda chance: f"[output]\nname = \"{{T_OBS:{'%Y' * chance.choice([10, 3000])}}}{{stem}}.fits\"\n{_valid()}"),
    ("output field", lambda chance: f"[output]\nname = \"{{{'A' * 10_000}}}.fits\"\n{_valid()}"),
    ("endless source", _source('"/dev/zero"')),
    ("random source", _source('"/dev/urandom"')),
    ("pipe as source", _source('"pipe.fits"')),
    ("folder as source", _source('"out"')),
    ("image as source", _source(f'"{_INPUT}"')),
    ("memory as source", _source('"/proc/self/mem"')),
    ("sources", lambda chance: f'[[step]]\nuse = "update_pointing"\nsource = [{_MISSING * 1000}]\n'),
    ("endless target", _setting('target = "/dev/zero"')),
    ("pipe as target", _setting('target = "pipe.fits"')),
    ("folder as target", _setting('target = "out"')),
    ("table as target", lambda chance: f'{_valid()}target = "{_TABLE}"\n'),
    ("terminal as target", _setting('target = "/dev/stdin"')),
    ("tiny pixels", _top('instrument = "generic"\nplate_scale = 1e-300')),
    ("huge pixels", _top('instrument = "generic"\nplate_scale = 1e300')),
    ("other pixels", lambda chance: f'instrument = "generic"\nplate_scale = {chance.choice([0.001, 1e-6, 50, 6000])}\n{_valid()}'),
    ("huge fill", lambda chance: f"{_valid()}fill = {chance.choice(['1e39', '3.4e38', '-inf', '1e-50'])}\n"),
    ("huge saturation", _setting("saturation = 1e308")),
    ("huge hdu", lambda chance: f"hdu = {chance.choice(['9223372036854775807', '99999999999999999999', '1', '-1'])}\n{_valid()}"),
    ("hdu name", lambda chance: f"hdu = \"{chance.choice(['x' * 10_000, '☉', 'PRIMARY', '*', chr(9)])}\"\n{_valid()}"),
    ("dates", lambda chance: f"[select]\nT_OBS = {{ min = {chance.choice(['9999-12-31T23:59:59-23:59', '0001-01-01T00:00:00+23:59', '0001-01-01', '12:00:00'])} }}\n{_valid()}"),
    ("numpy as plugin", lambda chance: f'{_valid()}plugin = "{chance.choice(["numpy", "os", "__main__", "", ".", "aia-ccdproc"])}"\n'),
    ("attribute as step", lambda chance: f'[[step]]\nuse = "{chance.choice(["__class__", "ccdproc.__init__", "ccdproc.", "ccdproc.os", "prep_register", "ccdproc.combine", "../x"])}"\n'),
    ("blocks", lambda chance: f'[[step]]\nuse = "ccdproc.{chance.choice(["block_replicate", "block_average", "block_reduce"])}"\nblock_size = {chance.choice([0, -1, 1000, 10**9, 10**30])}\n'),
    ("schemes", lambda chance: _source(f'"{chance.choice(["ftp", "file", "jar:file", "javascript", "data", "gopher"])}://host/x"')(chance)),
    ("password in URL", lambda chance: f'[[step]]\nuse = "update_pointing"\nsource = "https://user:{chance.choice(["secret", ""])}@[::1/x"\n'),
    ("odd URL", lambda chance: _source(f'"{chance.choice(["http://", "http://[", "http://x:99999999/", "http://x y/", "HTTP://☉/", "://", "http://127.0.0.1:1/x"])}"')(chance)),
    ("itself twice", lambda chance: _valid() * 2),
    ("empty", lambda chance: chance.choice(["", " ", "\n", "#"])),
    ("carriage returns", lambda chance: _valid().replace("\n", chance.choice(["\r\n", "\r"]))),
    ("deep inline", lambda chance: f"{_valid()}target = {{{'a.' * min(900, _many(chance))}a = 1}}\n"),
    ("many tables", lambda chance: "".join(f"[t{i}]\n" for i in range(_many(chance))) + _valid()),
    ("many arrays", lambda chance: f"{_valid()}target = [{'[], ' * 50_000}]\n"),
    ("long values", lambda chance: f"{_valid()}force = \"{'x' * 1_000_000}\"\nfill = [{'1, ' * 10_000}]\n"),
]  # fmt: skip
