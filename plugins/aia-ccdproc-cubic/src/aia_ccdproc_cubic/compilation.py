"""Compilation of a module of loops by numba. Imported only if the machine code is not on disk yet."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from numba import cfunc, njit, types
from numba.np.numpy_support import carray

from aia_ccdproc_cubic.machine_code import MachineCode, target_machine

__all__ = ["compile_loops", "entry_point", "loop"]

#: Contraction fuses multiplications and additions. Other unsafe transformations are off, so that NaN stays NaN.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_LOOP_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
#: Functions of the C library that LLVM may call for a copy or a fill.
_C_FUNCTIONS = frozenset(["memcpy", "memset", "memmove"])


def loop(function: Callable[..., Any]) -> Any:
    """Mark a function that is compiled as a part of the entry points that call it.

    Parameters
    ----------
    function : callable
        The function. It must not allocate arrays and must not raise exceptions. A ``range`` with a variable step can
        raise one.

    Returns
    -------
    callable
        The function as numba's ``njit`` returns it.
    """
    return njit(**_LOOP_OPTIONS)(function)


class _EntryPoint:
    """A function that Python can call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        annotations = inspect.get_annotations(function, eval_str=True)
        self.returns = annotations.pop("return")
        self.types = list(annotations.values())
        self.name = function.__name__
        self._loop = loop(function)

    def compile(self) -> Any:
        """Compile a C function that takes the address and the lengths of each array."""
        parameters: list[str] = []
        arguments: list[str] = []
        c_types: list[Any] = []
        for index, kind in enumerate(self.types):
            parameters.append(f"p{index}")
            if not isinstance(kind, types.Array):
                arguments.append(f"p{index}")
                c_types.append(kind)
                continue
            lengths = [f"n{index}_{axis}" for axis in range(kind.ndim)]
            parameters += lengths
            arguments.append(f"carray(p{index}, ({', '.join(lengths)},))")
            c_types += [types.CPointer(kind.dtype), *[types.intp] * kind.ndim]  # type: ignore[no-untyped-call]
        names: dict[str, Any] = {"carray": carray, "loop": self._loop}
        exec(f"def {self.name}({', '.join(parameters)}):\n    return loop({', '.join(arguments)})", names)
        return cfunc((self.returns or types.void)(*c_types), **_OPTIONS)(names[self.name])

    def describe(self, symbol: str) -> dict[str, Any]:
        """Return what is needed to call the machine code."""
        arguments = [
            [kind.dtype.name, kind.ndim] if isinstance(kind, types.Array) else [kind.name, 0] for kind in self.types
        ]
        return {"symbol": symbol, "arguments": arguments, "returns": self.returns and self.returns.name}


def entry_point(function: Callable[..., Any]) -> _EntryPoint:
    """Mark a function that Python calls through `~aia_ccdproc_cubic.machine_code.CompiledLoops`.

    Parameters
    ----------
    function : callable
        The function, with numba's types as annotations: of C-contiguous arrays and of numbers. It returns a number or
        None.

    Returns
    -------
    object
        The marked function.
    """
    return _EntryPoint(function)


def compile_loops(module: str) -> MachineCode:
    """Compile the entry points of a module.

    Parameters
    ----------
    module : str
        Name of the module or package of this package. The loops of another one must not be imported in it, because
        changes of those would not be noticed.

    Returns
    -------
    `~aia_ccdproc_cubic.machine_code.MachineCode`
        The machine code, for the processor of this machine.
    """
    entry_points = [each for each in vars(importlib.import_module(module)).values() if isinstance(each, _EntryPoint)]
    compiled = [(each, each.compile()) for each in entry_points]
    functions = {each.name: each.describe(function.native_name) for each, function in compiled}
    linked, *others = (llvm.parse_assembly(function.inspect_llvm()) for _, function in compiled)
    for other in others:
        linked.link_in(other)
    _remove_python(linked, [function["symbol"] for function in functions.values()])
    return MachineCode(functions, target_machine().emit_object(linked))


def _remove_python(module: Any, symbols: list[str]) -> None:
    """Optimize a module as a whole.

    LLVM then sees that the entry points raise no exceptions, and removes the code that would raise them in Python.
    """
    for function in module.functions:
        if not function.is_declaration and function.name not in symbols:
            function.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    machine = target_machine()
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    needed = [each.name for each in module.functions if each.is_declaration and not each.name.startswith("llvm.")]
    if not _C_FUNCTIONS.issuperset(needed):
        raise RuntimeError(f"the loops need {', '.join(needed)}: they allocate arrays or raise exceptions")
