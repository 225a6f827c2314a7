"""Reads `[tool.im2col-harness]` of the nearest pyproject.toml that has it, here or above; paths are meant from there.

Known failures are those of the backends that are named beside them: they do not count where others are checked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from conformance.opening import shortest
from harness.cli import terminal
from harness.contract import targets
from harness.contract.targets import Target
from harness.geometry.layers import set_names
from harness.results.writing import ResultsError
from harness.telling import did_you_mean, one_line

TABLE = "im2col-harness"
KEYS = ("backend", "xfails", "as-of", "shapes")
_FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is said for the commands; empty where nothing is. Paths are written so that they lead there from here."""

    file: Path | None = None
    backends: tuple[str, ...] = ()  # for `check`, `bench` and `compare`
    xfails: str = ""  # for `check`
    as_of: str = ""  # for `check`
    shapes: str = ""  # for `bench` and `compare`

    def known_failures(self, asked: Sequence[Target]) -> Path | None:
        """The file of known failures, if it is meant for all that is asked for."""
        own = {_place(target) for target in map(targets.resolve, self.backends)}
        meant = not own or own.issuperset(map(_place, asked))
        return Path(self.xfails) if self.xfails and meant else None

    def tell(self, **used: object) -> None:
        """Say on stderr what of it is used: the names of settings with what they are, empty if they are not."""
        told = [f"{name.replace('_', '-')} {_words(value)}" for name, value in used.items() if value]
        if told and self.file is not None:
            terminal.say(f"from {self.file}: {'; '.join(told)}")


def read() -> Settings:
    """The settings that hold in the current folder. Raises `ResultsError` naming the file and what is wrong in it."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / _FILE
        table = _table(file)
        if table is not None:
            return _settings(Path(shortest(str(file))), folder, table)
    return Settings()


def is_left_out(context: typer.Context | None, parameter: str) -> bool:
    """Whether an option of a command line has the value that it has without being given."""
    if context is None:
        return False
    source = context.get_parameter_source(parameter)
    return source is None or source.name == "DEFAULT"


def _table(file: Path) -> Any:
    """Our table of a file; None if there is none, as in a file that cannot be read and does not name us."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if f"tool.{TABLE}" not in text.replace('"', "").replace(" ", ""):
        return None
    try:
        return tomllib.loads(text).get("tool", {}).get(TABLE)
    except tomllib.TOMLDecodeError as error:
        raise ResultsError(f"{shortest(str(file))} cannot be read: {one_line(error)}") from error


def _settings(file: Path, folder: Path, table: Any) -> Settings:
    where = f"{file}, [tool.{TABLE}]"
    if not isinstance(table, dict):
        raise ResultsError(f"{where} must be a table, got {table!r}")
    for key, value in table.items():
        if key not in KEYS:
            raise ResultsError(f"{where} has no {key!r}{did_you_mean(key, KEYS)}; it has {', '.join(KEYS)}")
        texts = value if key == "backend" and isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            wanted = "a text or a list of texts" if key == "backend" else "a text"
            raise ResultsError(f"{where}: {key} must be {wanted}, got {value!r}")
    backends = table.get("backend", [])
    return Settings(
        file=file,
        backends=tuple(_target(text, folder) for text in ([backends] if isinstance(backends, str) else backends)),
        xfails=shortest(str(folder / table["xfails"])) if "xfails" in table else "",
        as_of=table.get("as-of", ""),
        shapes=_shapes(table.get("shapes", ""), folder),
    )


def _target(text: str, folder: Path) -> str:
    """A target whose file is meant from a folder, as one is written here."""
    if text in targets.names():
        return text
    name, equals, place = text.rpartition("=")
    path, ending, attribute = place.partition(".py")
    if not ending or attribute[:1] not in ("", ":"):
        return text
    return f"{name}{equals}{shortest(str(folder / f'{path}.py'))}{attribute}"


def _shapes(text: str, folder: Path) -> str:
    """The layers of a set, of a sweep, or of one line as they are; of a file from a folder, as it is named here."""
    if not text or text in set_names():
        return text
    try:
        return shortest(str(folder / text)) if (folder / text).is_file() else text
    except OSError:  # a line that is too long for a path
        return text


def _place(target: Target) -> tuple[str, str]:
    """Where a target is, however its file was named."""
    return (str(target.file.resolve()), target.attribute) if target.file else (target.location, "")


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
