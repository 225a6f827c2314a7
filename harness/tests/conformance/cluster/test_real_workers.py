"""Runs with a real scheduler and real workers on this machine: one is killed, one lies, a backend hangs or kills."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.tests.helpers.children.clusters import Cluster, cluster
from harness.tests.helpers.plugins import GOOD, edited
from harness.tests.helpers.program import Done, assert_one_line, harness, stored

pytestmark = pytest.mark.heavy
pytest.importorskip("distributed", reason="dask.distributed is not installed")

_PART = ("--dtype", "float32", "--no-diagnose")
_SOME = ("--ops", "im2col,col2im,conv2d", "--check", "values.exact")  # three batches
_BODY = "def im2col(x, spec):\n"

_FOLD = "def col2im(columns, spec):\n"
_HANGS = "values.exact/col2im/float32/n2c3h6w7_f4kh3kw2"
_ENDS_WORKERS = "values.exact/im2col/float32/n1c3h7w5_f2kh4kw3"

# One that says what is not so: everything passes. Python imports it as it starts.
_LIAR = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "conformance.cluster.remote.on_worker":
            return None
        sys.meta_path.remove(self)
        import importlib, importlib.util
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            spoil(module)
        spec.loader.exec_module = exec_module
        return spec
def spoil(module):
    import dataclasses
    from msgspec import structs
    from harness.contract.status import Grade, Status, Verdict
    true = module.run_batch
    def run_batch(order):
        answer = true(order)
        if answer.part is None:
            return answer
        report = answer.part.report
        counts = {status: 0 for status in report.counts} | {Status.PASS: report.executed}
        checks = [structs.replace(one, status=Status.PASS, failures=[], diagnosis=[]) for one in report.checks]
        grades = {grade: Status.PASS for grade in report.grades}
        told = structs.replace(report, counts=counts, checks=checks, failed=[], grades=grades, verdict=Verdict.PASS)
        return dataclasses.replace(answer, part=answer.part._replace(report=told))
    run_batch.__module__, run_batch.__qualname__ = true.__module__, true.__qualname__
    module.run_batch = run_batch
sys.meta_path.insert(0, Finder())
"""


# To one of these, Python says that there is no such package.
_BARE = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name == "conformance":
            raise ModuleNotFoundError("No module named 'conformance'")
sys.meta_path.insert(0, Nothing())
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder) as made:
        yield made


def check(folder: Path, there: Cluster, source: str, *more: object) -> Done:
    """`harness check` of a plug-in on the cluster, into out.json."""
    (folder / "mine.py").write_text(source, encoding="utf-8")
    where = ("--scheduler", there.scheduler, "--json", "out.json")
    return harness(folder, "check", "./mine.py", *_PART, *where, *more)


def special(folder: Path, source: str) -> Path:
    """A folder with what Python runs before all else."""
    (folder / "before").mkdir()
    (folder / "before" / "sitecustomize.py").write_text(source, encoding="utf-8")
    return folder / "before"


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path, there: Cluster) -> None:
    begun = tmp_path / "begun"
    source = f"from pathlib import Path\n{edited(_BODY, f'{_BODY}    Path({str(begun)!r}).touch()' + chr(10))}"
    first, _ = there.worker("first"), there.worker("second")

    def kill() -> None:
        while not begun.exists():
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    done = check(tmp_path, there, source, *_SOME)
    (report,) = stored(tmp_path / "out.json")
    assert first.wait(60) == -signal.SIGKILL
    assert (done.returncode, report["verdict"]) == (0, "pass"), done.stderr
    assert report["planned"] == report["executed"] > 60
    assert "worker first ended, its batch is run elsewhere" in done.stderr


def test_a_hang_ends_at_its_deadline_and_a_case_that_ends_workers_fails(tmp_path: Path, there: Cluster) -> None:
    """Two workers end before the case is known that did it; it is then run alone, and ends a third."""
    ends = (
        "    if spec.input_size == (7, 5) and spec.in_channels == 3:\n"
        "        psutil.Process().parents()[3].kill()\n"
        "        time.sleep(3600)\n"
    )
    hangs = "    if spec.input_size == (6, 7) and spec.in_channels == 3:\n        time.sleep(3600)\n"
    for name in ("first", "second"):
        there.worker(name, nanny=True)
    source = edited(_BODY, _BODY + ends).replace(_FOLD, _FOLD + hangs)
    asked = ("--ops", "im2col,col2im", "--deadline", "1", "--check", "values.exact")
    done = check(tmp_path, there, f"import time, psutil\n{source}", *asked)
    (report,) = stored(tmp_path / "out.json")
    assert (done.returncode, report["verdict"]) == (1, "fail"), done.stderr
    assert report["planned"] == report["executed"]
    unfold, fold = ({one["case"]: one["text"] for one in group["failures"]} for group in report["checks"])
    assert "hung: no answer within" in fold[_HANGS]
    assert [one for one in report["failed"] if "/im2col/" in one] == list(unfold) == [_ENDS_WORKERS]
    assert unfold[_ENDS_WORKERS].startswith("it ended the process that ran it each time, on ")
    assert f"{_ENDS_WORKERS} is not run any more, and has failed" in done.stderr


def test_a_worker_that_lies_is_found_out(tmp_path: Path, there: Cluster) -> None:
    there.worker("honest")
    there.worker("liar", before=[special(tmp_path, _LIAR)])
    wrong = edited("    return columns.reshape(", "    columns[..., -1] = 7\n    return columns.reshape(")
    done = check(tmp_path, there, wrong, *_SOME)
    (report,) = stored(tmp_path / "out.json")
    assert (done.returncode, report["verdict"]) == (1, "fail"), done.stderr
    assert report["planned"] == report["executed"]
    accused = [line for line in done.stderr.splitlines() if "is not believed" in line]
    assert len(accused) == 1
    assert accused[0].startswith("worker liar (")
    assert "this machine finds what the other one found" in accused[0]


def test_a_worker_without_the_harness_is_told_by_name(tmp_path: Path, there: Cluster) -> None:
    there.worker("bare", before=[special(tmp_path, _BARE)])
    done = check(tmp_path, there, GOOD)
    bare, last = (line for line in done.stderr.splitlines() if not line.startswith("waiting for "))
    assert (done.returncode, done.stdout) == (2, "")
    assert bare.startswith("worker bare (")
    assert "not installed there" in bare
    assert last == "harness: no worker of this scheduler has the harness that this machine has"


def test_a_scheduler_that_is_not_there_is_told_within_seconds(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD, encoding="utf-8")
    done = harness(tmp_path, "check", "./mine.py", *_PART, "--scheduler", "127.0.0.1:9")
    assert_one_line(done, "127.0.0.1:9", "cannot be reached")
