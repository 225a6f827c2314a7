"""What a parent sees of a child's processes, and that it holds all of them, wherever they have gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.timing.judging import processes as the_processes
from harness.timing.judging.processes import Processes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are watched on Linux alone")

_BUSY = "while True: pass"
# A child, and one that it has started in a session of its own: both are busy.
_TREE = f"""
import subprocess, sys
other = [sys.executable, "-c", {_BUSY!r}]
code = "import subprocess\\nsubprocess.Popen(" + repr(other) + ", start_new_session=True)\\n" + {_BUSY!r}
subprocess.Popen([sys.executable, "-c", code])
print("started", flush=True)
input()
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for it, half a minute at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def tree() -> Iterator[Processes]:
    """The processes below one that is neither busy nor held."""
    with subprocess.Popen([sys.executable, "-c", _TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as top:
        assert top.stdout is not None
        top.stdout.readline()
        found = Processes(top.pid)
        try:
            until(lambda: len(found.all()) == 2)
            yield found
        finally:
            for process in found.all():
                os.kill(process, signal.SIGKILL)
            top.kill()


def test_whoever_is_held_works_no_more_until_it_is_let_go(tree: Processes) -> None:
    """By the kernel's count of their time, which stands still to the nanosecond."""
    tree.hold()
    until(lambda: _states(tree) == {"T"})
    before = tree.cpu()
    time.sleep(0.05)
    assert tree.cpu() == before
    tree.let_go()
    until(lambda: (tree.cpu() or 0.0) > (before or 0.0) + 0.01)
    assert _states(tree) == {"R"}


def test_new_processes_are_found_though_they_have_left_the_group(tree: Processes) -> None:
    assert len(tree.all()) == 2
    groups = {int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[2]) for process in tree.all()}
    assert len(groups) == 2


def test_the_system_is_searched_again_only_if_something_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    newest = ["7"]

    def below(top: int) -> list[int]:
        searched.append(top)
        return [8]

    monkeypatch.setattr(the_processes, "below", below)
    monkeypatch.setattr(the_processes, "_newest", lambda: newest[0])
    found = Processes(99)
    assert [found.all(), found.all()] == [[8], [8]]
    newest[0] = "9"
    found.all()
    assert searched == [99, 99]
    newest[0] = ""  # a system that does not tell
    found.all()
    found.all()
    assert len(searched) == 4


def test_libraries_are_seen_in_the_memory_of_a_process(tmp_path: Path) -> None:
    """By the files that are mapped, whatever Python says is loaded."""
    file = tmp_path / "libtorch_cpu.so"
    file.write_bytes(bytes(4096))
    code = (
        f"import mmap; f = open({str(file)!r}, 'r+b'); m = mmap.mmap(f.fileno(), 4096); print(1, flush=True); input()"
    )
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as top:
        assert top.stdout is not None
        top.stdout.readline()
        found = Processes(top.pid)
        assert found.libraries() == ["torch"]
        assert not found.uses_device()
        top.communicate(b"\n")


@pytest.mark.parametrize(
    ("name", "is_device"),
    [("/dev/nvidia0", True), ("/dev/nvidiactl", False), ("/dev/kfd", True), ("/dev/dri/renderD128", True),
     ("/dev/null", False), ("/home/me/dev/nvidia0", False)],
)  # fmt: skip
def test_a_device_that_computes_is_known_by_its_file(
    monkeypatch: pytest.MonkeyPatch, name: str, is_device: bool
) -> None:
    monkeypatch.setattr(the_processes, "below", lambda top: [8])
    monkeypatch.setattr(the_processes, "_opened", lambda process: ["/dev/pts/0", name])
    assert Processes(99).uses_device() == is_device


@pytest.mark.parametrize("guardian", [1, 0, -1])
def test_nobody_elses_processes_are_watched(guardian: int) -> None:
    with pytest.raises(ValueError, match="a guardian is a process of ours"):
        Processes(guardian)


def _states(found: Processes) -> set[str]:
    return {Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] for process in found.all()}
