"""What a target is called, where it is found and what is wrong with it: read from texts and sources, nothing is run."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract import targets
from harness.contract.targets import RegistryError, Target, names, resolve, resolve_all, sources
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, Write

_NEVER = "raise SystemExit('it was run')\n"


def class_of(name: str, said: str = "", bases: str = "") -> str:
    """A class with both functions, and a name of its own."""
    return GOOD_CLASS.format(name=f"{name}{bases}") + (f"    name = {said}\n" if said else "")


def entry_points(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str | None, str, str]) -> None:
    """Pretend that packages registered these (package, name, place)."""
    found = [SimpleNamespace(name=n, value=v, dist=d and SimpleNamespace(name=d)) for d, n, v in entries]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found)
    monkeypatch.setattr(targets, "_installed", targets._installed.__wrapped__)  # not once, but whenever it is asked


def said(text: str) -> str:
    """What resolving raises."""
    with pytest.raises(RegistryError) as caught:
        resolve(text)
    return str(caught.value)


# -- registered names ----------------------------------------------------------------------------------------------


def test_every_registered_name_has_its_origins_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points(monkeypatch, ("p", "theirs", "p.module:Attr"), (None, "naive_loops", "q"), ("r", "theirs", "r"))
    table = sources()
    assert table["numpy_fancy"] == [("built in", "backends.numpy_fancy")]
    assert table["theirs"] == [("package p", "p.module:Attr"), ("package r", "r")]
    assert table["naive_loops"] == [("built in", "backends.naive_loops"), ("entry point", "q")]
    assert names()[0] == "naive_loops"
    assert names()[-1] == "theirs"


@pytest.mark.parametrize(
    ("location", "is_builtin"),
    [("numpy_fancy", True), ("theirs", False), ("naive_loops", False), ("mine.py", False), ("a.b:C", False)],
)
def test_what_others_register_too_is_not_ours_alone(
    location: str, is_builtin: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_points(monkeypatch, ("p", "theirs", "p.module:Attr"), ("p", "naive_loops", "p"))
    assert Target("x", "x", location).is_builtin is is_builtin


@pytest.mark.parametrize(
    ("location", "file", "attribute"),
    [
        ("numpy_fancy", None, ""),
        ("mine.py", Path("mine.py"), ""),
        ("a/mine.py:Attr", Path("a/mine.py"), "Attr"),
        ("a:b.py", Path("a:b.py"), ""),
        ("a:b.py:Attr", Path("a:b.py"), "Attr"),
        ("a:b.py:", Path("a:b.py"), ""),
        ("package.module:Attr", None, "Attr"),
        ("registered.py", None, ""),
    ],
)
def test_the_parts_of_a_location(
    location: str, file: Path | None, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_points(monkeypatch, ("p", "registered.py", "p"))
    target = Target("x", "x", location)
    assert (target.file, target.attribute) == (file, attribute)


# -- names ---------------------------------------------------------------------------------------------------------


def test_a_target_keeps_what_was_typed(write: Write) -> None:
    path = str(write("mine.py", GOOD))
    assert resolve(path) == Target(path, "mine", path, False)
    assert resolve(f"fast={path}") == Target(f"fast={path}", "fast", path, True)
    assert resolve("numpy_fancy") == Target("numpy_fancy", "numpy_fancy", "numpy_fancy", False)
    assert resolve("numpy_fancy=numpy_fancy") == Target("numpy_fancy=numpy_fancy", "numpy_fancy", "numpy_fancy", True)


@pytest.mark.parametrize(
    "name", ["a", "A-b.c+d_1", "9", "_x", "a" * 64, "a" * 65, "two=of"], ids=lambda name: name[:8] + str(len(name))
)
def test_names_that_may_be_given(name: str) -> None:
    if "=" in name:
        assert said(f"{name}=numpy_fancy") == (
            "unknown backend 'of=numpy_fancy', did you mean 'numpy_fancy'?; registered: "
            + ", ".join(names())
            + "; or give file.py[:Attr] or module:Attr, each also as NAME=TARGET"
        )
    else:
        assert resolve(f"{name}=numpy_fancy").name == name


DECLARED: dict[str, tuple[str, str, str]] = {  # source, attribute, name
    "of_the_module": ("name = 'own'\n" + GOOD, "", "own"),
    "annotated": ("name: str = 'own'\n" + GOOD, "", "own"),
    "the_last": ("name = 'first'\nname = 'last'\n" + GOOD, "", "last"),
    "one_of_several": ("other = name = 'own'\n" + GOOD, "", "own"),
    "computed": ("name = 'a' + 'b'\n" + GOOD, "", "mine"),
    "a_number": ("name = 7\n" + GOOD, "", "mine"),
    "bytes": ("name = b'own'\n" + GOOD, "", "mine"),
    "only_annotated": ("name: str\n" + GOOD, "", "mine"),
    "of_another": ("title = 'own'\n" + GOOD, "", "mine"),
    "in_a_function": ("def f():\n    name = 'own'\n" + GOOD, "", "mine"),
    "the_usable_one": ("name = 'own'\nname = 'no name'\n" + GOOD, "", "own"),
    "too_long": (f"name = '{'a' * 65}'\n" + GOOD, "", "mine"),
    "as_long_as_may_be": (f"name = '{'a' * 64}'\n" + GOOD, "", "a" * 64),
    "empty": ("name = ''\n" + GOOD, "", "mine"),
    "of_an_attribute": ("self.name = 'own'\n" + GOOD, "", "mine"),
    "of_the_only_class": (class_of("One", "'own'"), "", "own"),
    "of_the_only_class_that_is_one": (class_of("One", "'own'") + "class Two:\n    name = 'other'\n", "", "own"),
    "of_one_of_two_classes": (class_of("One", "'own'") + class_of("Two"), "", "mine"),
    "of_a_class_beside_functions": (GOOD + class_of("One", "'own'"), "", "mine"),
    "of_the_module_before_the_class": ("name = 'module'\n" + class_of("One", "'own'"), "", "module"),
    "of_a_class_beside_one_function": ("def im2col(x, spec): 0\n" + class_of("One", "'own'"), "", "own"),
    "of_the_named_class": ("name = 'module'\n" + class_of("One", "'own'"), "One", "own"),
    "of_the_other_class": (class_of("One", "'own'") + class_of("Two"), "Two", "mine.Two"),
    "of_a_base": (class_of("One", "'own'") + "class Two(One):\n    pass\n", "Two", "own"),
    "of_the_nearest_base": (
        class_of("A", "'far'") + class_of("B", "'near'", "(A)") + "class C(B):\n    pass\n", "C", "near",
    ),
    "of_a_base_elsewhere": ("class One(other.Base, Base):\n    pass\n", "One", "mine.One"),
    "of_the_second_base": (class_of("A", "'own'") + "class C(Generic, A):\n    pass\n", "C", "own"),
    "of_bases_in_a_circle": ("class A(B):\n    pass\nclass B(A):\n    pass\n", "A", "mine.A"),
    "of_a_function": ("def make():\n    name = 'own'\n", "make", "mine.make"),
    "of_no_python": ("def (", "", "mine"),
    "of_a_null_byte": ("name = 'own'\0\n", "", "mine"),
}  # fmt: skip


@pytest.mark.parametrize("case", DECLARED)
def test_the_name_that_a_source_gives_itself(case: str, write: Write) -> None:
    source, attribute, name = DECLARED[case]
    path = write("mine.py", source if "def (" in source or "\0" in source else _NEVER + source)
    assert resolve(f"{path}:{attribute}" if attribute else str(path)).name == name


def test_a_name_is_one_word_on_one_line(write: Write) -> None:
    path = write("my  fast\tone.py", GOOD)
    assert resolve(str(path)).name == "my_fast_one"
    assert resolve(f"{path}:Attr").name == "my_fast_one.Attr"


# -- modules -------------------------------------------------------------------------------------------------------


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules could be imported, and are not."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "location", "name"),
    [
        ("nm_top.py", "nm_top:One", "own"),
        ("nm_pack/inner.py", "nm_pack.inner:One", "own"),
        ("nm_pack/deep/__init__.py", "nm_pack.deep:One", "own"),
        ("nm_pack/deep/er.py", "nm_pack.deep.er:One", "own"),
        ("nm_top.py", "nm_top:make", "nm_top.make"),
        ("nm_pack/inner.py", "nm_pack.other:One", "other.One"),
        ("nm_pack/inner.py", "nm_pack.inner.more:One", "more.One"),
        ("nm_top.py", "nm_nowhere.deep:One", "deep.One"),
        ("nm_top.py", "sys:One", "sys.One"),
        ("nm_top.py", "json.decoder:JSONDecoder", "decoder.JSONDecoder"),
    ],
)
def test_a_class_in_a_module_is_named_without_an_import(
    file: str, location: str, name: str, importable: Path, write: Write
) -> None:
    for package in ("nm_pack", "nm_pack/deep"):
        write(f"{package}/__init__.py", _NEVER)
    write(file, _NEVER + class_of("One", "'own'"))
    before = set(sys.modules)
    assert resolve(location).name == name
    assert not {m for m in set(sys.modules) - before if m.startswith("nm_")}


@pytest.mark.parametrize("location", [".:One", ".a:One", "a..b:One", "a b:One"])
def test_what_cannot_be_a_module_is_called_by_its_words_all_the_same(location: str) -> None:
    assert resolve(location).name.endswith(".One")


# -- several -------------------------------------------------------------------------------------------------------


def test_two_of_one_name_are_numbered_and_a_given_name_is_nobody_elses(write: Write) -> None:
    one, two, three = (str(write(f"{folder}/mine.py", GOOD)) for folder in "abc")
    assert [t.name for t in resolve_all([one, two, three])] == ["mine", "mine#2", "mine#3"]
    assert [t.name for t in resolve_all([one, f"mine={two}", three])] == ["mine#2", "mine", "mine#3"]
    given = resolve_all([one, f"fast={two}", "fast2=numpy_fancy"])
    assert [(t.name, t.is_named) for t in given] == [("mine", False), ("fast", True), ("fast2", True)]


def test_the_name_of_a_registered_backend_is_kept_for_it(write: Write) -> None:
    fake = str(write("numpy_fancy.py", GOOD))
    assert resolve(fake).name == "numpy_fancy#2"
    several = resolve_all([fake, fake, "numpy_fancy"])
    assert [t.name for t in several] == ["numpy_fancy#2", "numpy_fancy#3", "numpy_fancy"]
    told = said(f"numpy_fancy={fake}")
    assert told == f"'numpy_fancy' is the name of a registered backend; give {fake!r} another NAME="


def test_a_name_given_twice_is_refused_and_none_given_once() -> None:
    with pytest.raises(RegistryError) as caught:
        resolve_all(["a=numpy_fancy", "b=numpy_fancy", "b=naive_loops"])
    assert str(caught.value) == "two backends were named 'b'; give each a NAME= of its own"
    assert [t.name for t in resolve_all(["a=numpy_fancy", "b=numpy_fancy"])] == ["a", "b"]
    assert resolve_all([]) == []


# -- what is no target ---------------------------------------------------------------------------------------------


def refusals(folder: Path) -> list[tuple[str, str]]:
    """(text, what is said of it)."""
    known = f"; registered: {', '.join(names())}; or give file.py[:Attr] or module:Attr, each also as NAME=TARGET"
    return [
        ("", f"unknown backend ''{known}"),
        ("zzz", f"unknown backend 'zzz'{known}"),
        ("numpy_fanci", f"unknown backend 'numpy_fanci', did you mean 'numpy_fancy'?{known}"),
        ("x=zzz", f"unknown backend 'zzz'{known}"),
        ("zzz:", f"unknown backend 'zzz:'{known}"),
        (":Attr", f"unknown backend ':Attr'{known}"),
        (f"{folder}/none.py", f"backend file '{folder}/none.py' does not exist"),
        (f"{folder}/none.py:Attr", f"backend file '{folder}/none.py' does not exist"),
        (f"{folder}/pipe.py", f"backend file '{folder}/pipe.py' is no regular file"),
        (f"{folder}/dir.py", f"backend file '{folder}/dir.py' is a folder"),
        (f"{folder}/plain", f"backend file '{folder}/plain' has no ending .py; only Python files can be loaded"),
        (f"{folder}", f"backend '{folder}' is a folder; give a file in it, as in {folder}/mine.py"),
        (f"{folder}/", f"backend '{folder}/' is a folder; give a file in it, as in {folder}/mine.py"),
        (f"{folder}/nowhere", f"backend file '{folder}/nowhere' does not exist"),
        ("./nowhere", "backend file './nowhere' does not exist"),
        ("~nowhere", "backend file '~nowhere' does not exist"),
        (".hidden", "backend file '.hidden' does not exist"),
        ("some/where", "backend file 'some/where' does not exist"),
        (f"a b={folder}/good.py", "the NAME in NAME=TARGET is made of letters, digits and _ . + -, got 'a b'"),
        (f"a b={folder}/good.py:One", "the NAME in NAME=TARGET is made of letters, digits and _ . + -, got 'a b'"),
        (f"a b={folder}/none.py", f"backend file 'a b={folder}/none.py' does not exist"),
    ]


def test_what_is_no_target_is_told_in_these_words(write: Write, tmp_path: Path) -> None:
    write("plain", GOOD)
    write("good.py", GOOD)
    (tmp_path / "dir.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    expected = dict(refusals(tmp_path))
    assert {text: said(text) for text in expected} == expected


def test_a_path_that_the_system_refuses_is_cut_short() -> None:
    text = said("a" * 5000 + ".py")
    assert text.startswith(f"backend file '{'a' * 100}'... cannot be looked for: ")
    assert len(text) < 300


def test_a_file_whose_name_has_an_equals_sign_is_that_file(write: Write) -> None:
    path = str(write("a=b.py", GOOD))
    assert resolve(path) == Target(path, "a=b", path, False)


def test_a_registered_name_may_have_an_equals_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points(monkeypatch, ("p", "x=numpy_fancy", "p"))
    assert resolve("x=numpy_fancy").location == "x=numpy_fancy"


def test_what_is_no_file_is_none_whatever_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> bool:
        raise ValueError("embedded null byte")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert targets._is_file(Path("x")) is False
