"""The suite under pytest: each group passes, fails, skips or xfails as it should, and nothing is left out unseen."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import pytest_suite
from conformance.checks.outcomes import Failed, Mistrusted, NotRun
from conformance.checks.registration import CHECKS
from conformance.pytest_suite import ConformanceSuite, GroupCheck, Suite, parametrize_checks
from harness.contract.protocol import BackendUnavailable
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults.faulty import Right
from harness.tests.helpers.suite.scripted import Script, a_check, only

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3, 4)]
_IDS = [f"a.x/im2col/float32/{spec}" for spec in _SPECS]


class Refusing(Right):
    """Refuses float64, and three images."""

    name = "mine"

    def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return "single only" if dtype != "float32" else "three" if spec.batch == 3 else None


class NoDevice(Right):
    """Not to be had here."""

    def __init__(self) -> None:
        raise BackendUnavailable("no such device")


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """One check of im2col on four geometries, in place of all."""
    monkeypatch.setattr(atexit, "register", lambda function: function)
    made = Script()
    with only(a_check("a.x", _SPECS, made, ops=["im2col"])):
        yield made


def the_group(dtypes: str = "float32", **choice: Any) -> GroupCheck:
    """The one group of a suite."""
    (group,) = Suite(Refusing(), dtypes=dtypes, **choice).checks()
    return group


def said(check: Callable[[], None]) -> tuple[str, str]:
    """What pytest is told, and the text."""
    try:
        check()
    except pytest.xfail.Exception as known:  # which is a kind of failure
        return "xfailed", str(known)
    except pytest.fail.Exception as failed:
        return "failed", str(failed)
    except pytest.skip.Exception as skipped:
        return "skipped", str(skipped)
    return "passed", ""


def test_a_group_that_is_right_passes_with_all_its_cases(script: Script) -> None:
    assert said(the_group()) == ("passed", "")
    assert script.asked == [_IDS[0], _IDS[1], _IDS[3]]


def test_a_group_that_is_refused_altogether_is_skipped_with_its_reason() -> None:
    assert said(the_group("float64")) == ("skipped", "4 cases refused: single only")


@pytest.mark.parametrize(
    ("error", "status"), [(Failed("off"), "fail"), (Mistrusted("off"), "mistrusted"), (NotRun("off"), "not_run")]
)
def test_one_case_that_is_not_right_fails_the_group(error: Exception, status: str, script: Script) -> None:
    script.answers = {_IDS[1]: error}
    assert said(the_group()) == ("failed", f"mine: 1 of 4 cases of a.x/im2col/float32\n\n{status} {_IDS[1]}\noff")


def test_three_failures_are_told_of_all(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    script.answers = {text: Failed(f"wrong {k}") for k, text in enumerate(_IDS)}
    monkeypatch.setattr(Refusing, "unsupported", lambda self, op, spec, dtype: None)
    _, text = said(the_group())
    blocks = text.split("\n\n")
    assert blocks[0] == "mine: 4 of 4 cases of a.x/im2col/float32"
    assert blocks[1:] == [f"fail {_IDS[k]}\nwrong {k}" for k in (0, 1, 2)]


def test_a_backend_that_a_shell_can_name_has_its_command(script: Script) -> None:
    script.answers = {_IDS[0]: Failed("wrong")}
    (group,) = Suite(Refusing, dtypes="float32").checks()
    me = "harness.tests.conformance.fronts.test_pytest_suite:Refusing"
    assert said(group)[1].splitlines()[-1] == f"repro: harness check {me} --check {_IDS[0]}"


def test_known_failures_xfail_with_their_reasons(script: Script) -> None:
    script.answers = {_IDS[0]: Failed("wrong"), _IDS[1]: Failed("wrong"), _IDS[3]: Failed("wrong")}
    known = {"a.x/*": "all", _IDS[3]: "this one"}
    assert said(the_group(xfails=known)) == ("xfailed", "2 known to fail: all; 1 known to fail: this one")


def test_a_known_failure_that_passes_is_loud_if_its_very_id_is_listed(script: Script) -> None:
    script.answers = {_IDS[0]: Failed("wrong")}
    assert said(the_group(xfails={"a.x/*": "some"})) == ("xfailed", "1 known to fail: some")
    told, text = said(the_group(xfails={_IDS[0]: "known", _IDS[1]: "was broken"}))
    assert told == "failed"
    assert f"xpass {_IDS[1]}\nis known to fail (was broken), and passed: remove the line" in text


def test_an_optional_check_is_skipped_whatever_it_says(script: Script) -> None:
    CHECKS["a.x"] = [replace(CHECKS["a.x"][0], optional=True)]
    begin = "optional, never part of the verdict: "
    assert said(the_group(check="a.x")) == ("skipped", f"{begin}pass")
    script.answers = {_IDS[0]: Failed("wrong")}
    told, text = said(the_group(check="a.x"))
    assert (told, text.startswith(f"{begin}mine: 1 of 4 cases of a.x")) == ("skipped", True)


def test_an_unavailable_backend_is_one_skipped_test_with_its_reason() -> None:
    suite = Suite(NoDevice)
    (group,) = suite.checks()
    assert str(group) == "unavailable"
    assert said(group) == ("skipped", "nodevice is unavailable: no such device")


def test_parameters_have_the_ids_of_their_groups() -> None:
    suite = Suite(Refusing())
    assert [one.id for one in suite.parameters()] == ["a.x/im2col/float32", "a.x/im2col/float64"]
    assert [one.id for one in suite.parameters("mine-")] == ["mine-a.x/im2col/float32", "mine-a.x/im2col/float64"]
    assert repr(suite.checks()[1]) == str(suite.checks()[1]) == "a.x/im2col/float64"


def test_a_child_lives_until_pytest_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Any] = []
    monkeypatch.setattr(atexit, "register", ended.append)
    suite = Suite(Refusing())
    assert ended == [suite.suite_run.close]


# -- what is left out ------------------------------------------------------------------------------------------------


def test_what_a_pass_needs_and_the_plan_lacks_is_told() -> None:
    assert list(Suite(Refusing(), dtypes="float32").left_out()) == []
    assert list(Suite(Refusing(), dtypes="float64").left_out()) == [
        "nothing is left to run: the backend refuses every case"
    ]
    assert list(Suite(Refusing()).left_out()) == [
        "im2col in float32 was judged on 3 geometries, 30 are needed",
    ]


def test_a_known_failure_that_means_nothing_is_told_once_its_cases_ran() -> None:
    suite = Suite(Refusing(), dtypes="float32", xfails={"a.x/*": "mended"})
    assert list(suite.left_out()) == []
    for group in suite.checks():
        group()
    assert list(suite.left_out()) == ["known failure 'a.x/*' (line 1) passes in every case: remove the line"]


# -- the class and the decorator -------------------------------------------------------------------------------------


def metafunc(name: str) -> Any:
    """Collects what a test is parametrized with."""
    made = SimpleNamespace(function=SimpleNamespace(__name__=name), got=[])
    made.parametrize = lambda names, values: made.got.append((names, [one.id for one in values]))
    return made


def test_the_class_makes_a_test_of_each_group_and_opens_its_backend_once() -> None:
    class TestMine(ConformanceSuite):
        backend = Refusing()
        dtypes = "float32"

    class TestOther(TestMine):
        dtypes = "float64"

    asked = metafunc("test_conformance")
    TestMine().pytest_generate_tests(asked)
    TestMine().pytest_generate_tests(asked)
    TestOther().pytest_generate_tests(asked)
    other = metafunc("test_nothing_left_out")
    TestMine().pytest_generate_tests(other)
    one = ("group", ["a.x/im2col/float32"])
    assert (asked.got, other.got) == ([one, one, ("group", ["a.x/im2col/float64"])], [])
    assert pytest_suite._suite_of(TestMine) is pytest_suite._suite_of(TestMine)
    assert pytest_suite._suite_of(TestMine) is not pytest_suite._suite_of(TestOther)


def test_all_options_of_the_class_reach_the_run() -> None:
    class TestMine(ConformanceSuite):
        backend = Refusing()
        tier, ops, dtypes, check, as_of, seed = 2, "im2col", "float32", "a.*", "2026.15", 5
        xfails = {"a.x": "why"}  # noqa: RUF012
        isolate = False

    options = pytest_suite._suite_of(TestMine).suite_run.options
    selection = options.selection
    assert (selection.tier, selection.ops, selection.dtypes, selection.pattern, selection.suite, selection.seed) == (
        2, ["im2col"], ["float32"], "a.*", "2026.15", 5,
    )  # fmt: skip
    assert (options.isolate, [one.pattern for one in options.known]) == (False, ["a.x"])


def test_the_class_calls_its_groups_and_tells_what_is_left_out() -> None:
    class TestNone(ConformanceSuite):
        backend = Refusing()
        dtypes = "float64"

    class TestAbsent(ConformanceSuite):
        backend = NoDevice

    class TestRight(ConformanceSuite):
        backend = Refusing()
        dtypes = "float32"

    called: list[str] = []
    TestNone().test_conformance(lambda: called.append("called"))  # type: ignore[arg-type]
    assert called == ["called"]
    assert said(TestNone().test_nothing_left_out) == (
        "failed", "incomplete: nothing is left to run: the backend refuses every case"
    )  # fmt: skip
    assert said(TestAbsent().test_nothing_left_out) == ("skipped", "no such device")
    assert said(TestRight().test_nothing_left_out) == ("passed", "")


def test_a_class_without_a_backend_or_with_a_wrong_option_is_an_error_of_collection() -> None:
    class TestEmpty(ConformanceSuite):
        pass

    class TestWrong(ConformanceSuite):
        backend = Refusing()
        ops = "conv3d"

    for kind, text in ((TestEmpty, r"TestEmpty needs a class attribute: backend = 'mine\.py'"),
                       (TestWrong, r"TestWrong: op must be among im2col")):  # fmt: skip
        with pytest.raises(pytest.Collector.CollectError, match=text):
            pytest_suite._suite_of(kind)


def test_paths_are_meant_from_the_file_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Any, Any]] = []

    def suite(backend: Any, **choice: Any) -> Any:
        opened.append((backend, choice["xfails"]))
        return SimpleNamespace()

    monkeypatch.setattr(pytest_suite, "Suite", suite)
    monkeypatch.chdir(Path(__file__).parents[1])
    for given, known in (("mine.py:A", "known.txt"), ("numpy_fancy", {"a": "b"}), ("pack.mod:A", None)):
        pytest_suite._suite_of(type("TestIt", (ConformanceSuite,), {
            "backend": given, "xfails": known, "__module__": __name__,
        }))  # fmt: skip
    assert opened == [
        ("fronts/mine.py:A", "fronts/known.txt"), ("numpy_fancy", {"a": "b"}), ("pack.mod:A", None)
    ]  # fmt: skip


def test_the_decorator_parametrizes_a_function_named_check() -> None:
    @parametrize_checks(Refusing(), dtypes="float32")
    def test_it(check: GroupCheck) -> None:
        check()

    (mark,) = test_it.pytestmark  # type: ignore[attr-defined]
    names, values = mark.args
    assert (mark.name, names, [one.id for one in values]) == ("parametrize", "check", ["a.x/im2col/float32"])
    assert said(lambda: test_it(values[0].values[0])) == ("passed", "")
