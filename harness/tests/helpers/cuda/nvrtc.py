"""CUDA C++ to machine code without a card, a driver or CuPy: NVIDIA's run-time compiler through ctypes."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)")


class Compiled(NamedTuple):
    """Machine code of one kernel, and what the assembler says that it needs."""

    cubin: bytes
    registers: int
    spilled: int  # bytes, stores and loads
    stack: int  # bytes
    warnings: tuple[str, ...]

    def instructions(self, folder: Path) -> list[str]:
        """Every instruction, disassembled in a scratch folder."""
        return [found.group(1) for line in self._disassembled(folder) if (found := _INSTRUCTION.search(line))]

    def longest_loop(self, folder: Path) -> list[str]:
        """The instructions between a label and the farthest branch back to one."""
        lines = self._disassembled(folder)
        labels = {line.partition(":")[0]: i for i, line in enumerate(lines) if line.startswith(".L")}
        back = [
            (i - labels[found.group(1)], labels[found.group(1)], i)
            for i, line in enumerate(lines)
            if (found := re.search(r"BRA.*`\((\.L_x_\d+)\)", line)) and labels.get(found.group(1), i) < i
        ]
        _, start, end = max(back, default=(0, 0, 0))
        return [found.group(1) for line in lines[start:end] if (found := _INSTRUCTION.search(line))]

    def _disassembled(self, folder: Path) -> list[str]:
        file = folder / "kernel.cubin"
        file.write_bytes(self.cubin)
        command = [str(tool("bin/nvdisasm")), "-c", str(file)]
        text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
        return text.splitlines()


def tool(pattern: str) -> Path | None:
    """A file of the packages nvidia-cuda-nvrtc and nvidia-cuda-nvdisasm, which share folders; None without them."""
    spec = importlib.util.find_spec("nvidia")
    roots = list(spec.submodule_search_locations or []) if spec else []
    return next((path for root in roots for path in sorted(Path(root).glob(f"cu*/{pattern}"))), None)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(tool("lib/libnvrtc.so.*")))


def compiled(source: str, architecture: int, options: tuple[str, ...]) -> Compiled:
    """Raises `SyntaxError` with the compiler's words if the source is not CUDA C++."""
    nvrtc, program = _library(), ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    given = [f"-arch=sm_{architecture}", "-std=c++17", "-ftz=true", "--ptxas-options=-v", *options]
    failed = nvrtc.nvrtcCompileProgram(
        program, len(given), (ctypes.c_char_p * len(given))(*(o.encode() for o in given))
    )
    log = _get(program, "ProgramLog").rstrip(b"\0").decode()
    if failed:
        raise SyntaxError(log)
    cubin = _get(program, "CUBIN")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    (registers,) = re.findall(r"Used (\d+) registers", log)
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", log)))
    stack = sum(map(int, re.findall(r"(\d+) bytes stack frame", log)))
    return Compiled(
        cubin, int(registers), spilled, stack, tuple(line for line in log.splitlines() if "warning" in line)
    )


def _get(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(_library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(_library(), f"nvrtcGet{what}")(program, buffer)
    return buffer.raw
