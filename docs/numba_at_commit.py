"""Makes plug-ins of `numba_tiled` as it was at another commit, to be compared with today's in one process.

    python docs/numba_at_commit.py ff49264 /tmp/old
    harness compare numba_tiled old=/tmp/old/tiled.py --shapes core --json results/before_rooms/numba_tiled-core-1.json

The package is copied under another name, and so are its NamedTuples: Numba knows these by their name alone, and code
of two that share one would be compiled anew in turn. The first comparison also compiles the
copy; run it once before it counts.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

_PACKAGE, _COPY = "backends/numba_tiled", "numba_tiled_before"
_MEMBERS = (
    "col2im, conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad, im2col, info, numerics, unsupported"
)
_PLUGIN = (
    "import sys\n\nsys.path.insert(0, {folder!r})\nimport {copy}  # noqa\nfrom {module} import {members}  # noqa\n"
)


def main(commit: str, folder: Path) -> None:
    """Write `folder`/tiled.py and `folder`/winograd.py, with the package that they load beside them."""
    archive = subprocess.run(["git", "archive", commit, _PACKAGE], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        texts = {
            Path(_COPY, *Path(member.name).parts[2:]): files.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in files.getmembers()
            if member.name.endswith(".py")
        }
    tuples = {name for text in texts.values() for name in re.findall(r"^class (\w+)\(NamedTuple\)", text, re.MULTILINE)}
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(renamed(text, tuples | {"Vec"}), encoding="utf-8")
    for name, module in (("tiled", _COPY), ("winograd", f"{_COPY}.winograd")):
        plugin = _PLUGIN.format(folder=str(folder.resolve()), copy=_COPY, module=module, members=_MEMBERS)
        (folder / f"{name}.py").write_text(plugin, encoding="utf-8")


def renamed(text: str, types: set[str]) -> str:
    """A source with the package and its types under other names."""
    text = text.replace(_PACKAGE.replace("/", "."), _COPY).replace('f"Vec(', 'f"BeforeVec(')
    for name in sorted(types):
        text = re.sub(rf"(?<![\w.]){name}(?=\W)(?!['\"])", f"Before{name}", text)
    return text


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
