"""Backends that crash, hang, exit, hoard memory or lie, each in its child: one failed case named, the run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.calls.caller import Conditions
from harness.calls.in_child import InChild
from harness.contract import registry
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec
from harness.oracle import data
from harness.tests.helpers.plugins import GOOD, Write

_SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")
_BREAK = {
    "segfaults": "import ctypes; ctypes.string_at(0)",
    "sleeps": "import time; time.sleep(600)",
    "hoards": "hold = []\n        while True: hold.append(np.zeros(10**7))",
    "exits": "import os; os._exit(0)",
}
_SAID = {
    "segfaults": "SIGSEGV",
    "sleeps": "hung: no answer within",
    "hoards": "MemoryError",
    "exits": "exited with code 0",
}


def broken(statement: str, condition: str = "spec.kernel_size == (5, 1)") -> str:
    """GOOD, that misbehaves in im2col when the condition holds."""
    head, body = GOOD.split("def im2col(x, spec):\n")
    return f"{head}def im2col(x, spec):\n    if {condition}:\n        {statement}\n{body}"


@pytest.mark.parametrize("name", _BREAK)
def test_a_death_costs_its_case_and_the_report_is_complete(name: str, write: Write, tmp_path: Path) -> None:
    write("mine.py", broken(_BREAK[name]))
    deadline = "1" if name == "sleeps" else "20"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", "mine.py", "--check", "values.exact/im2col/float32/*",
         "--deadline", deadline, "--json", "out.json", "--junit", "out.xml", "--html", "out.html"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (found,) = json.loads((tmp_path / "out.json").read_text())
    assert (found["verdict"], found["executed"]) == ("fail", found["planned"])
    group, *later = [g for g in found["checks"] if g["status"] == "fail"]
    if name == "sleeps":  # one hang is enough: what is left of the op fails unrun
        assert all("was not run: im2col hung before" in g["diagnosis"][0] for g in later)
    else:
        assert (found["counts"]["fail"], later) == (1, [])
    assert "values.exact/im2col/float32/n2c2h9w3_f2kh5kw1" in group["diagnosis"][0]
    assert _SAID[name] in group["diagnosis"][0]
    assert all((tmp_path / f"out.{kind}").stat().st_size > 1000 for kind in ("xml", "html"))


def test_after_a_hang_the_op_is_not_called_again(write: Write) -> None:
    backend = InChild(resolve(str(write("mine.py", broken(_BREAK["sleeps"], "True")))), deadline=0.5)
    arrays = data.exact("im2col", _SPEC, "float32", "x")
    assert "hung" in backend.call("im2col", _SPEC, arrays).error
    again = backend.call("im2col", _SPEC, arrays)
    assert again.died
    assert again.error == "was not run: im2col hung before"
    columns = data.exact("col2im", _SPEC, "float32", "x")
    assert backend.call("col2im", _SPEC, columns).error == ""  # other ops go on
    backend.close()


def test_three_deaths_are_enough(write: Write) -> None:
    backend = InChild(resolve(str(write("mine.py", broken(_BREAK["exits"], "True")))))
    arrays = data.exact("im2col", _SPEC, "float32", "x")
    errors = [backend.call("im2col", _SPEC, arrays).error for _ in range(4)]
    assert all("ended its process" in error for error in errors[:3])
    assert "was not run: im2col had died 3 times" in errors[3]
    backend.close()


def test_the_child_gives_the_same_facts_as_a_call_here(write: Write) -> None:
    from harness.calls.in_process import InProcess

    path = str(write("mine.py", GOOD.replace("return columns.reshape(spec.columns_shape)", "return x[0, 0]")))
    here, there = InProcess(registry.load(path)), InChild(resolve(path))
    for layout in ("C", "step-2", "memmap", "broadcast"):
        arrays = data.exact("im2col", _SPEC, "float32", "x")
        one, other = (b.call("im2col", _SPEC, arrays, Conditions(layout)) for b in (here, there))
        assert one.result is not None
        assert other.result is not None
        assert np.array_equal(one.result, other.result)
        one.result = other.result = None
        assert one == other
        assert one.shares == ["argument 0"] or layout == "C"
    there.close()


@pytest.mark.parametrize(
    ("statement", "text"),
    [("import os; os._exit(3)", "process died: exited with code 3"), ("raise ValueError('no')", "cannot be imported")],
)
def test_a_file_that_cannot_be_loaded_is_a_wrong_call(statement: str, text: str, write: Write) -> None:
    with pytest.raises(registry.RegistryError, match=text):
        InChild(resolve(str(write("mine.py", f"{statement}\n{GOOD}"))))


def test_no_expected_value_is_in_the_child(write: Write, tmp_path: Path) -> None:
    """A backend that looks through all objects of its process finds no array of the result's shape but its own."""
    source = GOOD.replace(
        "    return columns.reshape(spec.columns_shape)\n",
        "    import gc\n"
        "    found = [a for a in gc.get_objects() if isinstance(a, np.ndarray) and a.shape == spec.columns_shape]\n"
        "    mods = [m for m in __import__('sys').modules if m.startswith('conformance')]\n"
        "    assert not found and not mods, (len(found), mods)\n"
        "    return columns.reshape(spec.columns_shape)\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", str(write("mine.py", source)), "--tier", "0", "--ops", "im2col"],
        cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_fresh_memory_is_no_zeros_in_the_child(write: Write) -> None:
    """np.empty taken for zeros: fine on a fresh heap, garbage under our malloc."""
    source = GOOD.replace("padded = np.zeros((", "padded = np.empty((")
    assert source != GOOD
    backend = InChild(resolve(str(write("mine.py", source))))
    big = ConvSpec.parse("n2c3h60w70_f4kh3kw2")
    columns = data.exact("col2im", big, "float32", "x")
    reply = backend.call("col2im", big, columns)
    assert reply.result is not None
    assert np.abs(reply.result).max() > 1e6
    backend.close()


def test_a_backend_that_ran_out_of_memory_is_a_new_child_next_time(write: Write) -> None:
    """What it hoards would fail the next call too, for no fault of its own."""
    source = "hold = []\n" + broken("hold.append(np.zeros(150_000_000))", "spec.batch == 2")
    backend = InChild(resolve(str(write("mine.py", source))), memory=2 * 10**9)
    arrays = data.exact("im2col", _SPEC, "float32", "x")
    hoarding = ConvSpec.parse("n2c1h3w3_f1kh2kw2")
    for _ in range(2):
        backend.call("im2col", hoarding, data.exact("im2col", hoarding, "float32", "x"))
    assert backend.call("im2col", _SPEC, arrays).error == ""
    backend.close()


def test_the_first_call_of_an_op_has_three_times_the_deadline(write: Write) -> None:
    """It may have to compile."""
    backend = InChild(resolve(str(write("mine.py", broken("import time; time.sleep(1.5)", "True")))), deadline=1)
    arrays = data.exact("im2col", _SPEC, "float32", "x")
    assert backend.call("im2col", _SPEC, arrays).error == ""
    assert "no answer within 1 s" in backend.call("im2col", _SPEC, arrays).error
    backend.close()


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ("def info():\n    return {'dev\\udc80': 'x\\udc80'}\n", False),
        ("def unsupported(op, spec, dtype):\n    return 'no \\udc80' if spec.groups == 3 else None\n", False),
        ("def conv2d(x, w, b, spec):\n    raise ValueError('\\udc80')\n", True),
        (
            "class Mute(Exception):\n    def __str__(self): return 5\n\ndef conv2d(x, w, b, spec):\n    raise Mute\n",
            True,
        ),
    ],
    ids=["info", "unsupported", "raises", "mute"],
)
def test_texts_that_no_file_can_hold_cost_nothing_else(write: Write, tmp_path: Path, says: str, wrong: bool) -> None:
    write("odd.py", f"{GOOD}\n\n{says}")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", "odd.py", "--tier", "0", "--dtype", "float32", "--json", "out.json",
         "--junit", "out.xml"], cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == int(wrong), done.stderr
    (found,) = json.loads((tmp_path / "out.json").read_text())
    assert {c["op"] for c in found["checks"] if c["status"] == "fail"} == ({"conv2d"} if wrong else set())


def test_a_path_that_is_no_utf8_is_a_path(write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "d\udcfe"
    folder.mkdir()
    (folder / "mine.py").write_text(GOOD)
    for more in (["--tier", "0"], ["--check", "values.exact", "--jobs", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "harness", "check", str(folder / "mine.py"), "--ops", "im2col", *more],
            capture_output=True, check=False, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes have such a limit on Linux alone")
def test_a_file_may_take_what_the_machine_has_as_it_loads_and_no_more(write: Write) -> None:
    asked = "import resource\nFOUND = str(resource.getrlimit(resource.RLIMIT_DATA)[0])\n"
    path = write("mine.py", f"{asked}{GOOD}\n\ndef info():\n    return {{'limit': FOUND}}\n")
    caller = InChild(resolve(str(path)))
    try:
        limit = int(caller.info["limit"])
    finally:
        caller.close()
    assert 2**28 < limit < psutil.virtual_memory().total + 2**30
