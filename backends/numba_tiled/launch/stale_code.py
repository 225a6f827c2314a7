"""Numba's cache on disk keeps what was compiled from an older version of this package; this forgets it.

Numba looks only at the file of the function that it loads, not at those of the functions that were compiled into it. So
a stamp holds a digest of all sources of the package; where it differs, all compiled code of the package is deleted. The
cache lies beside the sources, or where NUMBA_CACHE_DIR says.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from numba import config

_FOLDER = Path(__file__).parents[1]  # the package: its sources lie in rooms below it


def forget_other_versions() -> None:
    """Delete the compiled functions of this package unless they were made from its present source files."""
    digest = _digest(_FOLDER)
    caches = {room: _cache(room) for room in {_FOLDER, *(file.parent for file in _FOLDER.rglob("*.py"))}}
    stamp = caches[_FOLDER] / "numba_tiled.sha256"
    with suppress(OSError):  # a folder that cannot be written has no such cache
        if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
            return
        stamp.parent.mkdir(parents=True, exist_ok=True)
        for cache in caches.values():
            for pattern in ("*.nbi", "*.nbc"):
                for file in cache.glob(pattern):
                    file.unlink(missing_ok=True)
        stamp.write_text(digest, encoding="ascii")


def _cache(room: Path) -> Path:
    """Where Numba keeps what it compiles from the files of a folder."""
    if config.CACHE_DIR:
        from numba.core.caching import _CacheLocator  # a name of Numba's own: whoever sets no folder needs it not

        return Path(config.CACHE_DIR, _CacheLocator.get_suitable_cache_subpath(str(room / "any.py")))
    return room / "__pycache__"


def _digest(folder: Path) -> str:
    """Of the names and the text of all sources in a folder and below it."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        text = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()
