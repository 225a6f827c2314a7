"""The script that plants faults: what it plants, and that it can tell a test that notices from one that sleeps."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.tests.mutation.mutants import Mutant, compiles, drawn, mutants
from harness.tests.mutation.planting import Copy, NotGreen, Outcome, all_tried
from harness.tests.mutation.related import related_tests, sources

pytestmark = pytest.mark.heavy

_HERE = Path("some.py")
_SOURCE = '''"""A docstring."""
def f(a: int = 3) -> str:
    """Another."""
    if a < 2 and not g(a, 1.5):
        print(a)
    return max(x for x in a if x)[0] + "ab"
'''


def _changes(source: str, kind: str) -> set[str]:
    """The planted lines of one kind."""
    text = source.encode()
    return {m.told(text).split("\n    + ", 1)[1] for m in mutants(_HERE, text) if m.kind == kind}


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("comparison", {"if a <= 2 and not g(a, 1.5):"}),
        ("and/or", {"if a < 2 or not g(a, 1.5):"}),
        ("clause dropped", {"if True and not g(a, 1.5):", "if a < 2 and True:"}),
        ("not dropped", {"if a < 2 and (g(a, 1.5)):"}),
        ("condition inverted", {"if (not (a < 2 and not g(a, 1.5))):"}),
        ("swapped", {"if a < 2 and not g(1.5, a):"}),
        ("statement dropped", {"pass"}),
        ("other function", {'return min(x for x in a if x)[0] + "ab"'}),
        ("filter dropped", {'return max(x for x in a if True)[0] + "ab"'}),
        ("first for last", {'return max(x for x in a if x)[-1] + "ab"'}),
        ("arithmetic", {'return max(x for x in a if x)[0] - "ab"'}),
        ("text dropped", {'return max(x for x in a if x)[0] + ""'}),
        (
            "constant",
            {
                "def f(a: int = 4) -> str:", "if a < 3 and not g(a, 1.5):", "if a < 2 and not g(a, 3.0):",
                'return max(x for x in a if x)[1] + "ab"',
            },
        ),
    ],
)  # fmt: skip
def test_what_is_planted(kind: str, lines: set[str]) -> None:
    assert _changes(_SOURCE, kind) == lines


def test_an_argument_is_dropped_with_its_comma() -> None:
    assert _changes("f(a, b=1, c=2)\n", "argument dropped") == {"f(a, c=2)", "f(a, b=1)"}


def test_places_are_counted_in_bytes() -> None:
    assert _changes('é = "ü" + f(a) - 1\n', "arithmetic") == {'é = "ü" - f(a) - 1', 'é = "ü" + f(a) + 1'}


def test_kinds_are_drawn_in_turn_and_alike_for_a_seed() -> None:
    every = mutants(_HERE, ("a = [1, 2, 3, 4, 5, 6, 7, 8]\n" + _SOURCE).encode())
    kinds = {m.kind for m in every}
    first = list(drawn(every, len(kinds), 5))
    assert {m.kind for m in first} == kinds
    assert first == list(drawn(every, len(kinds), 5))
    assert first != list(drawn(every, len(kinds), 6))


def test_what_is_no_python_any_more_is_told() -> None:
    assert compiles(Mutant(_HERE, 1, "constant", 4, 5, "2"), b"a = 1\n")
    assert not compiles(Mutant(_HERE, 1, "constant", 4, 5, ")"), b"a = 1\n")


def _tree(root: Path, test: str) -> Path:
    tree = root / "tree"
    (tree / "harness/tests/room").mkdir(parents=True)
    (tree / "harness/room").mkdir()
    for folder in ("harness", "harness/room", "harness/tests", "harness/tests/room"):
        (tree / folder / "__init__.py").touch()
    (tree / "harness/room/some.py").write_text("def f(a):\n    return a + 1\n")
    (tree / "harness/tests/room/test_some.py").write_text(test)
    (tree / "harness/tests/room/test_other.py").write_text("def test_other(): pass\n")
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    return tree


_IMPORT = "from harness.room.some import f\n"


def test_the_related_tests_a_file_are_those_that_speak_of_it_then_those_of_its_room(tmp_path: Path) -> None:
    tree = _tree(tmp_path, _IMPORT)
    assert sources(tree, [Path("harness/room")]) == [Path("harness/room/__init__.py"), Path("harness/room/some.py")]
    assert sources(tree, [Path("harness/room/some.py")]) == [Path("harness/room/some.py")]
    assert Path("harness/tests/room/test_some.py") not in sources(tree, [])
    here = Path("harness/tests/room")
    assert related_tests(tree, Path("harness/room/some.py")) == [[here / "test_some.py"], [here / "test_other.py"]]


@pytest.mark.parametrize(
    ("assertion", "outcome"), [("f(1) == 2", Outcome.NOTICED), ("f(1) != 3", Outcome.UNNOTICED)]
)  # fmt: skip
def test_a_fault_is_noticed_by_a_test_that_can_fail(tmp_path: Path, assertion: str, outcome: Outcome) -> None:
    tree = _tree(tmp_path, f"{_IMPORT}def test_f(): assert {assertion}\n")
    source = Path("harness/room/some.py")
    (fault,) = [m for m in mutants(source, (tree / source).read_bytes()) if m.kind == "arithmetic"]
    with Copy(tree) as copy:
        assert copy.try_out(fault, related_tests(tree, source))[0] is outcome
        assert (copy.root / source).read_bytes() == (tree / source).read_bytes()
    assert not copy.root.exists()


def test_several_are_tried_at_a_time_and_told_in_order(tmp_path: Path) -> None:
    """The last one has tests that fail without it; the copies share what they know."""
    tree = _tree(tmp_path, f"{_IMPORT}def test_f(): assert f(1) == 2\n")
    broken = Path("harness/tests/room/test_broken.py")
    (tree / broken).write_text("def test_broken(): assert False\n")
    source, here, green = Path("harness/room/some.py"), Path("harness/tests/room"), set[Path]()
    (fault,) = [m for m in mutants(source, (tree / source).read_bytes()) if m.kind == "arithmetic"]
    stages = [[here / "test_some.py"]], [[here / "test_other.py"]], [[broken]]
    with Copy(tree, green) as one, Copy(tree, green) as two:
        found = list(all_tried([fault] * 3, stages, [one, two]))
    assert [outcome for outcome, _ in found] == [Outcome.NOTICED, Outcome.UNNOTICED, Outcome.NOT_TRIED]
    assert "test_broken.py fail without any fault" in found[2][1]
    assert green == {here / "test_some.py", here / "test_other.py"}


def test_nothing_is_learned_from_tests_that_fail_anyway(tmp_path: Path) -> None:
    tree = _tree(tmp_path, f"{_IMPORT}def test_f(): assert f(1) == 7\n")
    source = Path("harness/room/some.py")
    fault = mutants(source, (tree / source).read_bytes())[0]
    with Copy(tree) as copy, pytest.raises(NotGreen, match="fail without any fault"):
        copy.try_out(fault, related_tests(tree, source))
