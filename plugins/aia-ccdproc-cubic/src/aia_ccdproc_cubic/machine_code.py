"""Compiled loops as machine code: made once by numba, kept on disk, and loaded by llvmlite alone.

A process that loads loops from numba's own cache must first import numba and prepare its compiler. This takes 0.4 s of
CPU time, as long as all the work on a full-size image. To load machine code takes 0.03 s.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np

from aia_ccdproc_cubic.code_cache import CodeCache, target_processor

__all__ = ["CompiledLoops", "MachineCode", "target_machine"]

_C_TYPES: dict[str, Any] = {
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
    "int64": ctypes.c_int64,
    "uint64": ctypes.c_uint64,
}


class MachineCode(NamedTuple):
    """The compiled entry points of a module."""

    functions: dict[str, dict[str, Any]]
    """By name: symbol, arguments (type, and number of axes of an array), and type of what is returned."""
    content: bytes
    """An object file."""

    def to_bytes(self) -> bytes:
        """Return what is kept on disk.

        Returns
        -------
        bytes
            Digest, functions and content.
        """
        body = json.dumps(self.functions).encode() + b"\n" + self.content
        return hashlib.sha256(body).digest() + body

    @classmethod
    def from_bytes(cls, kept: bytes) -> MachineCode | None:
        """Read what was kept on disk.

        Parameters
        ----------
        kept : bytes
            Content of the file.

        Returns
        -------
        `MachineCode` or None
            None if the file is damaged.
        """
        size = hashlib.sha256().digest_size
        digest, body = kept[:size], kept[size:]
        if hashlib.sha256(body).digest() != digest:
            return None
        functions, _, content = body.partition(b"\n")
        return cls(json.loads(functions), content)


class _Function:
    """A compiled function. It releases the interpreter lock."""

    def __init__(self, name: str, engine: Any, described: dict[str, Any]) -> None:
        self._name = name
        self._engine = engine  # which owns the code
        self._arguments = [(np.dtype(kind), ndim) for kind, ndim in described["arguments"]]
        c_types: list[Any] = []
        for kind, ndim in described["arguments"]:
            c_types += [ctypes.c_void_p, *[ctypes.c_ssize_t] * ndim] if ndim else [_C_TYPES[kind]]
        returns = described["returns"]
        prototype = ctypes.CFUNCTYPE(returns and _C_TYPES[returns], *c_types)
        self._call = prototype(engine.get_function_address(described["symbol"]))

    def __call__(self, *values: Any) -> Any:
        flat: list[Any] = []
        for position, ((dtype, ndim), value) in enumerate(zip(self._arguments, values, strict=True)):
            if not ndim:
                flat.append(value)
                continue
            if value.dtype != dtype or value.ndim != ndim or not value.flags.c_contiguous:
                raise TypeError(
                    f"argument {position} of {self._name} is not a contiguous array of {dtype} with {ndim} axes: "
                    f"{value.dtype}, shape {value.shape}"
                )
            flat.append(value.ctypes.data)
            flat += value.shape
        return self._call(*flat)


class CompiledLoops:
    """The compiled entry points of a module, as attributes. They are loaded when the first one is used.

    Parameters
    ----------
    module : str
        Name of the module that contains the functions.
    """

    def __init__(self, module: str) -> None:
        self._cache = CodeCache(module)
        self._functions: dict[str, _Function] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.startswith("_"):
            self.load()
            if name in self._functions:
                return self._functions[name]
        raise AttributeError(f"{type(self).__name__} has no entry point {name}")

    def load(self) -> None:
        """Load the functions. Compile them first if that was not done on this machine yet."""
        with self._lock:
            if not self._functions:
                self._load()

    def _load(self) -> None:
        code = self._cache.get()
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.content))
        engine.finalize_object()
        self._functions = {name: _Function(name, engine, described) for name, described in code.functions.items()}


def target_machine() -> Any:
    """Return LLVM's description of this machine.

    Returns
    -------
    `llvmlite.binding.TargetMachine`
        For code that is loaded into this process. A new one at every call, because it belongs to the compiler to which
        it is given.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    if triple.startswith("x86_64-pc-windows"):  # only object files of this format can be loaded
        triple += "-elf"
    name, features = target_processor()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=name, features=features, opt=3, codemodel="jitdefault", jit=True
    )
