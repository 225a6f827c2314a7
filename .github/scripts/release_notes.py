"""Prints what CHANGELOG.md says of a version, if a tag may release it; else one line and exit code 1.

    python .github/scripts/release_notes.py v0.1.0 > notes.md

The tag, `harness.__version__`, `CITATION.cff` and the section of the changelog must say the same version. Nothing is
imported: the text of the files is what is released.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

VERSION = re.compile(r"\d+(\.\d+)+((a|b|rc)\d+)?(\.post\d+)?")
SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?P<date>.*)\n(?P<text>(?:(?!## \[).*(?:\n|\Z))*)", re.M)
PLACES = {"harness/__init__.py": r'^__version__ = "([^"]+)"$', "CITATION.cff": r"^version: (\S+)$"}


class NotReleasedError(Exception):
    """Why a tag may not be released."""


def notes(tag: str, folder: Path) -> str:
    """The changelog's section of the version of a tag. Raises `NotReleasedError` with what does not fit."""
    version = tag.removeprefix("v")
    if not tag.startswith("v") or not VERSION.fullmatch(version):
        raise NotReleasedError(f"a tag is v and a version, as in v0.1.0, got {tag!r}")
    for name, pattern in PLACES.items():
        found = re.findall(pattern, (folder / name).read_text(encoding="utf-8"), re.M)
        if found != [version]:
            raise NotReleasedError(f"the tag says {version}, {name} says {', '.join(found) or 'nothing'}")
    sections = list(SECTION.finditer((folder / "CHANGELOG.md").read_text(encoding="utf-8")))
    mine = [match for match in sections if match["version"] == version]
    if len(mine) != 1:
        there = ", ".join(match["version"] for match in sections)
        raise NotReleasedError(f"CHANGELOG.md must have one section [{version}], it has {there}")
    if not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", mine[0]["date"]):
        raise NotReleasedError(
            f"CHANGELOG.md: [{version}] must be followed by its date, as in [{version}] - 2026-01-31"
        )
    if not mine[0]["text"].strip():
        raise NotReleasedError(f"CHANGELOG.md says nothing of [{version}]")
    if "Unreleased" in [match["version"] for match in sections[sections.index(mine[0]) + 1 :]]:
        raise NotReleasedError(f"CHANGELOG.md: [{version}] must stand below [Unreleased]")
    return mine[0]["text"].strip() + "\n"


def main() -> int:
    if len(sys.argv) != 2:
        print("release: give the tag, as in v0.1.0", file=sys.stderr)
        return 2
    try:
        print(notes(sys.argv[1], Path(__file__).parents[2]), end="")
    except NotReleasedError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
