"""Numba's cache on disk keeps what was compiled from an older version of this package; this forgets it.

Numba looks only at the file of the function that it loads, not at those of the functions that were compiled into it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

_FOLDER = Path(__file__).parent


def forget_other_versions() -> None:
    """Delete the compiled functions of this folder unless they were made from its present source files."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(_FOLDER.glob("*.py")))).hexdigest()
    stamp = _FOLDER / "__pycache__" / "numba_tiled.sha256"
    with suppress(OSError):  # a folder that cannot be written has no such cache
        if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
            return
        stamp.parent.mkdir(exist_ok=True)
        for pattern in ("*.nbi", "*.nbc"):
            for file in stamp.parent.glob(pattern):
                file.unlink(missing_ok=True)
        stamp.write_text(digest, encoding="ascii")
