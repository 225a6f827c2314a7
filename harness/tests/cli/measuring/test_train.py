"""`harness train`: what it shows and writes, its exit codes, and calls that are wrong."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path

import pytest

from harness.nn.training import bound, compare, digits, epoch_times
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.house.pages import page_named
from harness.tests.helpers.nn.small import blobs
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.program import stored
from harness.timing import clock

_FEW = ("train", "--quick", "--epochs", "3")
_OVERWRITES = ("padded[:, :, rows, v * dw : v * dw + (ow - 1) * sw + 1 : sw] +=",
               "padded[:, :, rows, v * dw : v * dw + (ow - 1) * sw + 1 : sw] =")  # fmt: skip


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty images in place of the digits: two steps an epoch."""
    monkeypatch.setattr(digits, "load", lambda image, seed: blobs(20))


def test_backends_are_shown_with_what_they_use_of_the_bound(run: Run) -> None:
    ran = run(*_FEW, "numpy_fancy", "matlab_loop")
    assert ran.code == 0
    text = [" ".join(line.split()) for line in ran.lines]
    assert text[0] == "small, 20 images, 3 epochs = 6 steps, float64, seed 0"
    assert text[1] == "backend verdict test accuracy from oracle / bound from numpy_fancy / bound an epoch"
    assert re.fullmatch(r"numpy_fancy pass \d+\.\d % (0|0\.0\d+) 0 [\d.]+ m?s", text[2])
    assert re.fullmatch(r"matlab_loop pass \d+\.\d % (0|0\.0\d+) (0|0\.0\d+) [\d.]+ m?s", text[3])
    assert text[4:6] == [f"wrong on purpose: {name}: diverges at step 2" for name in compare.WRONG_ON_PURPOSE]
    assert text[6:] == ["the accuracy says nothing yet: 6 steps on so few images are too little to learn from"]


def test_a_plugin_that_overwrites_diverges(run: Run, write: Write) -> None:
    assert GOOD.count(_OVERWRITES[0]) == 1
    file = write("mine.py", GOOD.replace(*_OVERWRITES))
    ran = run(*_FEW, "numpy_fancy", f"other={file}")
    assert ran.code == 1
    assert re.search(r"^other +fail: diverges at step 2 .*\(child\)$", ran.out, re.M)


def test_a_bound_that_sees_nothing_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound.Bound, "left_at", lambda self, losses: None)
    ran = run(*_FEW, "numpy_fancy")
    assert ran.code == 1
    assert "wrong on purpose: overwriting_col2im: NOT SEEN" in ran.out


@pytest.mark.parametrize("given", [(), ("--backend", "all"), ("all",)])
def test_all_are_those_that_are_registered(run: Run, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]) -> None:
    monkeypatch.setattr("backends.BUILTIN", {"numpy_fancy": "backends.numpy_fancy", "gone": "backends.gone"})
    ran = run(*_FEW, *given)
    assert ran.code == 0  # nobody named the one that is not there
    assert re.search(r"^gone +unavailable: ", ran.out, re.M)
    assert run(*_FEW, "numpy_fancy", "--backend", "gone").code == 3


def test_the_json_has_everything_and_its_keys_are_explained(run: Run, tmp_path: Path) -> None:
    assert run(*_FEW, "numpy_fancy", "--json", "out.json").code == 0
    found = stored(tmp_path / "out.json")
    assert (found["schema"], found["network"], found["epochs"], found["batch"], found["quick"]) == (
        1,
        "small",
        3,
        10,
        True,
    )
    assert len(found["oracle"]) == len(found["allowed"]) == len(found["backends"][0]["losses"]) == 6
    told = page_named("training.md").partition("## `harness train --json`")[2]
    whole, _, one = told.partition("Each of `backends`")
    assert _keys(whole) == found.keys()
    assert _keys(one) == found["backends"][0].keys() == found["wrong_on_purpose"][0].keys()


def _keys(text: str) -> set[str]:
    """The words in the first column of the first table."""
    rows = text.partition("| key |")[2].partition("\n\n")[0]
    return {word for row in re.findall(r"^\| (`.*?) \|", rows, re.M) for word in re.findall(r"`(\w+)`", row)}


def test_the_json_goes_to_stdout_and_the_table_aside(run: Run) -> None:
    ran = run(*_FEW, "numpy_fancy", "--json", "-")
    assert json.loads(ran.out)["backends"][0]["verdict"] == "pass"
    assert "wrong on purpose" in ran.err


@pytest.mark.parametrize(("name", "start"), [("losses.svg", b"<?xml"), ("new/losses.png", b"\x89PNG")])
def test_the_losses_are_drawn(run: Run, tmp_path: Path, name: str, start: bytes) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert run(*_FEW, "numpy_fancy", "--figure", name).code == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_times_are_shown_with_the_claims(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(epoch_times, "BATCH", 4)
    monkeypatch.setattr(epoch_times, "ROUNDS", 3)
    ran = run(*_FEW, "numpy_fancy", "matlab_loop", "--time", "--json", "out.json")
    assert ran.code == 0
    found = stored(tmp_path / "out.json")
    assert [one["backend"] for one in found["times"]] == ["numpy_fancy", "matlab_loop"]
    assert all(one["seconds"] > 0 and one["batch"] == 4 and one["steps"] == 3 for one in found["times"])
    assert [one["measured"] for one in found["claims"]] == [None] * 3
    assert "lenet5, 60,000 random images of 28x28, float32, 1 thread" in ran.out
    assert ran.out.count("not tested") == 3


def test_ctrl_c_keeps_what_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    of_target = compare.Comparison.of_target

    def interrupted(self: compare.Comparison, target: object, *rest: object) -> object:
        if "matlab" in str(target):
            raise KeyboardInterrupt
        return of_target(self, target, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(compare.Comparison, "of_target", interrupted)
    ran = run(*_FEW, "numpy_fancy", "matlab_loop", "--json", "out.json")
    assert ran.code == 130
    found = stored(tmp_path / "out.json")
    assert ([one["backend"] for one in found["backends"]], found["partial"]) == (["numpy_fancy"], True)


def test_who_is_stopped_is_incomplete(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "now", itertools.count().__next__)  # every step takes a second
    ran = run(*_FEW, "numpy_fancy", "--budget", "2.5", "--json", "out.json")
    assert ran.code == 3
    assert re.search(r"^numpy_fancy +incomplete: stopped after 2.5 s of training", ran.out, re.M)
    assert "reversed_weight_grad: diverges at step 2" in ran.out
    found = stored(tmp_path / "out.json")
    assert [len(one["losses"]) for one in (*found["backends"], *found["wrong_on_purpose"])] == [3, 6, 6]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--network", "lenet"), "network must be among small, lenet5, got 'lenet', did you mean 'lenet5'?"),
        (("numpy_fanci",), "unknown backend 'numpy_fanci'"),
        (("numpy_fancy", "--backend", "all"), "'all' stands for every registered backend; name no other beside it"),
        (("--figure", "losses.txt"), "figure must be a file ending in .png or .svg, got 'losses.txt'"),
        (("--figure", "-"), "figure must be a file ending in .png or .svg, got '-'"),
        (("--epochs", "0"), "must be a whole number from 1 to 10000, got '0'"),
        (("--seed", "x"), "must be a whole number from 0 to 4294967295, got 'x'"),
        (("--json", "a.png", "--figure", "a.png"), "documents need a file each"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(run: Run, words: tuple[str, ...], said: str) -> None:
    ran = run("train", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_missing_digits_are_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    ran = run("train", "numpy_fancy")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "pip install 'im2col-harness[train]'" in ran.err
