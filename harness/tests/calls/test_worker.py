"""A child that ends, hangs, forks, closes or floods its pipe costs its parent one answer, and never a wait in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.calls.serving import CLOSED, FORKED
from harness.calls.worker import Worker, WorkerDied, WorkerError, environment
from harness.tests.helpers.children.ended import seen, survivors
from harness.tests.helpers.children.obeying import Do, child, told

_LONG = 120.0  # seconds that nothing here takes


@pytest.fixture
def worker() -> Iterator[Worker]:
    with child() as one:
        yield one


def test_answers_come_in_order_with_their_arrays_and_prints_are_none(worker: Worker) -> None:
    statement = (
        "print('{}'); os.write(1, b'[1]\\n'); sys.stdout.flush(); said = 'x'; times = 3; arrays = [2 * arrays[0]]"
    )
    found = list(worker.request(Do(statement), _LONG, [np.arange(3)]))
    assert [message.text for message, _ in found] == ["x", "x", "x"]
    assert [np.array_equal(arrays[0], [0, 2, 4]) for _, arrays in found] == [True] * 3  # type: ignore[arg-type]
    assert told(worker, "said = sys.stdin.read() + 'empty'") == "empty"


def test_an_exception_is_an_answer_and_the_child_lives(worker: Worker) -> None:
    pid = told(worker, "said = os.getpid()")
    with pytest.raises(WorkerError, match=r"^KeyError: 'lost'$") as raised:
        told(worker, "raise KeyError('lost')")
    assert (raised.value.kind, raised.value.detail) == ("KeyError", "'lost'")
    assert told(worker, "said = os.getpid()") == pid


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("os._exit(3)", "exited with code 3"),
        ("os.write(2, b'first\\nlast \\n\\n'); os._exit(0)", "exited with code 0: last"),
        (f"os.write(2, b'x' * {5 * 2**20} + b'\\nend\\n'); os._exit(1)", "exited with code 1: end"),
        (f"os.write(2, b'y' * {5 * 2**20}); os._exit(1)", f"exited with code 1: {'y' * 200}"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("os.kill(os.getpid(), 40)", "killed by signal 40"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL, perhaps by the system for want of memory"),
        ("os.killpg(0, signal.SIGKILL)", "killed by SIGKILL, perhaps by the system for want of memory"),
        ("os.fork()", FORKED),
        ("os.closerange(3, 100)", CLOSED),
        ("os.closerange(0, 100)", CLOSED),
        ("[os.write(fd, b'rubbish\\n') for fd in range(3, 9) if os.get_inheritable(fd) is False and "
         "os.readlink(f'/proc/self/fd/{fd}').startswith('pipe') and os.stat(fd) != os.stat(2)]",
         "it wrote into the pipe to the harness: Expecting value: line 1 column 1 (char 0)"),
    ],
)  # fmt: skip
def test_how_a_child_ended_is_told(worker: Worker, statement: str, text: str) -> None:
    # The copy of a fork may be as late as the machine is busy: then the next answer is not given.
    with pytest.raises(WorkerDied) as death:
        _ = told(worker, statement), told(worker, "time.sleep(600)")
    assert (str(death.value), death.value.hung) == (text, False)
    with pytest.raises(WorkerDied):
        told(worker, "said = 'never'")


def test_a_file_in_the_place_of_the_pipe_stays_empty(worker: Worker, tmp_path: Path) -> None:
    statement = (
        f"os.closerange(0, 100); kept = [os.open('{tmp_path}/%d' % n, os.O_CREAT | os.O_RDWR) for n in range(9)]"
    )
    with pytest.raises(WorkerDied, match=CLOSED):
        told(worker, statement)
    assert sorted(file.name for file in tmp_path.iterdir()) == [str(n) for n in range(9)]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) == 0


def test_a_copy_that_comes_back_late_ends_the_child_as_well(worker: Worker) -> None:
    assert told(worker, "said = 'in time' if os.fork() else time.sleep(1) or 'late'") == "in time"
    with pytest.raises(WorkerDied, match=FORKED):
        told(worker, "time.sleep(600)")


def test_a_copy_that_ends_itself_is_nobodys_fault(worker: Worker) -> None:
    assert told(worker, "said = os.waitpid(os.fork() or os._exit(7), 0)[1] // 256") == "7"
    assert told(worker, "said = 'on'") == "on"


@pytest.mark.parametrize("statement", ["time.sleep(600)", "os.kill(os.getpid(), signal.SIGSTOP)"])
def test_a_silent_child_is_ended(worker: Worker, statement: str) -> None:
    process = seen([told(worker, "said = os.getpid()")])
    with pytest.raises(WorkerDied, match=r"^no answer within 0.2 s$") as death:
        told(worker, statement, 0.2)
    assert death.value.hung
    assert survivors(process) == []


def test_a_child_that_does_not_read_is_ended(worker: Worker) -> None:
    """The request alone is more than a pipe holds."""
    (process,) = seen([told(worker, "said = os.getpid()")])
    process.suspend()
    with pytest.raises(WorkerDied, match=r"^no answer within 0.2 s$") as death:
        told(worker, "said = 'read'", 0.2, [np.zeros(2**20)])
    assert death.value.hung
    assert survivors([process]) == []


def test_large_arrays_go_both_ways(worker: Worker) -> None:
    sent = np.arange(2**20, dtype="f4").reshape(4, -1)
    ((_, (back,)),) = worker.request(Do("arrays = [arrays[0] + 1]"), _LONG, [sent])
    assert back is not None
    assert back.shape == (4, 2**18)
    assert np.array_equal(back, sent + 1)


def test_no_deadline_is_a_deadline(worker: Worker) -> None:
    for deadline in (float("inf"), 1e300):
        assert told(worker, "said = 'x'", deadline) == "x"


def test_a_child_whose_answer_was_not_awaited_is_not_asked_again(worker: Worker) -> None:
    """Ctrl-C came in between: the next answer would be the one to the last question."""
    next(worker.request(Do("said = 'first'; times = 2"), _LONG))
    with pytest.raises(WorkerDied):
        told(worker, "said = 'second'")


_START = {
    "started": "said = subprocess.Popen(['sleep', '600']).pid",
    "in a session of its own": "said = subprocess.Popen(['sleep', '600'], start_new_session=True).pid",
    "forked": "said = os.fork() or time.sleep(600)",
    "a daemon": (
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.write(w, str(os.getpid()).encode()); os.closerange(0, 100); time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait(); said = os.read(r, 20).decode()"
    ),
}


@pytest.mark.parametrize("how", _START)
@pytest.mark.parametrize("end", ["closed", "died"])
def test_what_a_child_has_started_ends_with_it(worker: Worker, how: str, end: str) -> None:
    processes = seen([told(worker, "said = os.getpid()"), told(worker, _START[how])])
    if end == "closed":
        worker.close()
    else:  # a copy holds the pipe open, and the end is seen all the same
        with pytest.raises(WorkerDied, match=r"^exited with code 5$"):
            told(worker, "os._exit(5)")
    assert survivors(processes) == []


def test_what_is_printed_without_end_is_not_kept(worker: Worker) -> None:
    before = psutil.Process().memory_info().rss
    assert told(worker, "[os.write(2, b'z' * 2**20) for _ in range(300)]; said = 'done'") == "done"
    assert psutil.Process().memory_info().rss - before < 150 * 2**20


def test_threads_and_allocator_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for inherited in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "OMP_NUM_THREADS"):
        monkeypatch.setenv(inherited, "7")
    monkeypatch.setenv("ELSE", "kept")
    steady, default = environment(3, "steady"), environment(2, "default")
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    assert {steady[name] for name in threads} == {"3"}
    assert {default[name] for name in threads} == {"2"}
    assert steady["MALLOC_MMAP_MAX_"] == "0"  # large blocks come from the heap
    assert int(steady["MALLOC_TRIM_THRESHOLD_"]) >= 2**40  # and stay there
    assert int(steady["MALLOC_TOP_PAD_"]) == 64 * 2**20
    assert [name for name in default if name.startswith("MALLOC_")] == []
    assert steady["ELSE"] == default["ELSE"] == "kept"
