"""Describe the processor on which the benchmarks run."""

from __future__ import annotations

import platform
import re
from pathlib import Path

#: Instruction sets that are named, by their flag in /proc/cpuinfo, from the smallest to the largest.
_INSTRUCTION_SETS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_fp16": "AVX-512 FP16", "asimd": "NEON", "sve": "SVE"}


def describe_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor, its family and model, and its instruction sets for vectors.

    A virtual machine may hide the name; family and model then tell which processor it is.
    """
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", cpuinfo.read_text().split("\n\n")[0], re.MULTILINE))
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    details = [f"{key.removeprefix('cpu ')} {fields[key]}" for key in ("cpu family", "model") if key in fields]
    details += [name for flag, name in _INSTRUCTION_SETS.items() if flag in flags]
    return f"{fields.get('model name', platform.machine())}: {', '.join(details)}"
