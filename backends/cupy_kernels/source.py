"""The CUDA sources: one text per kernel, with its includes written into it.

CuPy keeps compiled kernels under a key made of the text it is given, not of what that text includes,
so a header that changes must be part of the text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "kernels"
ALIGNMENT = 16  # bytes; kernels read and write as many at once, at their multiples
SCALARS = {"float32": "float", "float64": "double"}
_INCLUDE = re.compile(r'^#include "(.+)"\n', re.MULTILINE)


class Build(NamedTuple):
    """A kernel (of the name of its file) and what is defined when it is compiled."""

    kernel: str
    defines: tuple[tuple[str, int | str], ...]

    def __str__(self) -> str:
        return " ".join([self.kernel, *(f"{name}={value}" for name, value in self.defines)])

    @property
    def options(self) -> tuple[str, ...]:
        """The defines as every compiler takes them."""
        return tuple(f"-D{name}={value}" for name, value in self.defines)


def build(kernel: str, dtype: str, **defines: int | str) -> Build:
    """The build of a kernel for a dtype.

    >>> str(build("col2im_any", "float64", WIDE=1))
    'col2im_any SCALAR=double WIDE=1'
    """
    return Build(kernel, (("SCALAR", SCALARS[dtype]), *defines.items()))


def text(kernel: str, *folders: Path) -> str:
    """The source of a kernel. Each file it includes is taken once, from the first of the folders that has it."""
    taken: set[str] = set()

    def read(name: str) -> str:
        path = next(path for folder in (*folders, FOLDER) if (path := folder / name).is_file())
        taken.add(name)
        lines = _INCLUDE.split(path.read_text(encoding="utf-8"))
        parts = [f'#line 1 "{name}"\n', lines[0]]
        line = lines[0].count("\n") + 1
        for included, rest in zip(lines[1::2], lines[2::2], strict=True):
            line += 1
            if included not in taken:
                parts += [read(included), f'#line {line} "{name}"\n']
            else:
                parts.append("\n")  # in the place of the include, so that the lines after it keep their numbers
            parts.append(rest)
            line += rest.count("\n")
        return "".join(parts)

    return read(f"{kernel}.cu")
