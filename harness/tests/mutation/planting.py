"""A copy of the tree in which a fault is planted, tried against tests, and taken out again."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue

from harness.tests.mutation.mutants import Mutant

_LONGEST = 900  # seconds for the tests of one stage; a fault that makes them hang is noticed by that
# The second would load our packages from where they are installed. Nobody reads why an assertion fails.
_QUICKLY = ("-p", "no:cacheprovider", "-p", "no:im2col_conformance", "--assert=plain")
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_OPT": "1"}
_GREEN, _NONE_COLLECTED = 0, 5  # pytest's exit codes


class Outcome(StrEnum):
    """What became of a planted fault."""

    NOTICED = "noticed"
    HUNG = "noticed, the tests hang"
    UNNOTICED = "UNNOTICED"
    NOT_TRIED = "NOT TRIED, tests fail without it"


class NotGreen(RuntimeError):
    """The tests fail without any fault: nothing can be learned from them."""


class Copy:
    """A temporary copy of the tracked and new files of a tree; use as a context manager.

    Copies of one tree may share `green`: the test files that are known to pass without a fault.
    """

    def __init__(self, root: Path, green: set[Path] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="planted-")
        self.root = Path(self._folder.name) / root.name
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=root, capture_output=True, check=True
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.root / name)
        # Some tests ask for the commit; they get one of the copy's own.
        for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=-", "-c", "user.email=-", "commit", "-qm", "-"]):
            subprocess.run(["git", *words], cwd=self.root, check=True)
        # Bytecode is told apart by second and size, which a fault may share with what it replaces: by digest.
        compileall.compile_dir(self.root, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        self._green = set() if green is None else green

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *exception: object) -> None:
        self._folder.cleanup()

    def try_out(self, mutant: Mutant, stages: Sequence[Sequence[Path]]) -> tuple[Outcome, str]:
        """Plant one fault and run the stages until one fails; which one did, in words.

        Raises `NotGreen` if a stage fails without the fault.
        """
        target = self.root / mutant.path
        whole = target.read_bytes()
        for stage in stages:
            self._require_green(stage)
            target.write_bytes(mutant.planted(whole))
            try:
                code, said = self._pytest(stage)
            except subprocess.TimeoutExpired:
                return Outcome.HUNG, f"{stage[0]} ..."
            finally:
                target.write_bytes(whole)
            if code not in (_GREEN, _NONE_COLLECTED):
                return Outcome.NOTICED, _first_failure(said)
        return Outcome.UNNOTICED, ""

    def _require_green(self, stage: Sequence[Path]) -> None:
        unknown = [file for file in stage if file not in self._green]
        if unknown:
            code, said = self._pytest(unknown)
            if code not in (_GREEN, _NONE_COLLECTED):
                raise NotGreen(f"{', '.join(map(str, unknown))} fail without any fault:\n{said[-3000:]}")
            self._green.update(unknown)

    def _pytest(self, stage: Sequence[Path]) -> tuple[int, str]:
        environment = {**os.environ, **_ENVIRONMENT, "PYTHONPATH": str(self.root)}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", *_QUICKLY]
        done = subprocess.run(
            [*command, *map(str, stage)], cwd=self.root, env=environment, timeout=_LONGEST, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip
        return done.returncode, done.stdout


def all_tried(
    mutants: Sequence[Mutant], stages: Sequence[Sequence[Sequence[Path]]], copies: Sequence[Copy]
) -> Iterator[tuple[Outcome, str]]:
    """What became of each fault, in order; as many at a time as there are copies, each in one that is free."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def tried(mutant: Mutant, its_stages: Sequence[Sequence[Path]]) -> tuple[Outcome, str]:
        copy = free.get()
        try:
            return copy.try_out(mutant, its_stages)
        except NotGreen as error:
            return Outcome.NOT_TRIED, str(error)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from pool.map(tried, mutants, stages)


def _first_failure(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].split(" - ")[0] if lines else "pytest did not start"
