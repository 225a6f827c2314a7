"""A file of the user's is imported under a name of its own, with what lies beside it; if it fails nothing is left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness.contract import own_packages, plugin_files
from harness.contract.plugin_files import import_file, plugin_name
from harness.tests.helpers.plugins import Write

_ROOT = own_packages.ROOT


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test imports, searches and remembers is forgotten after it."""
    modules, path, folders = dict(sys.modules), list(sys.path), list(plugin_files._folders)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)
    sys.path[:], plugin_files._folders[:] = path, folders


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mine.py", "im2col_harness_plugin_mine"),
        ("a/b/Mine_2.py", "im2col_harness_plugin_Mine_2"),
        ("my-backend v2.1.py", "im2col_harness_plugin_my_backend_v2_1"),
        ("größe.py", "im2col_harness_plugin_gr__e"),
    ],
)
def test_any_file_name_makes_a_module_name(file: str, name: str) -> None:
    assert plugin_name(Path(file)) == name


def test_a_module_is_known_by_its_name_while_and_after_it_runs(write: Write) -> None:
    path = write("mine.py", "import sys\nseen = sys.modules[__name__].__name__\nvalue = 7\n")
    module = import_file(path)
    assert (module.value, module.seen, module.__file__) == (7, "im2col_harness_plugin_mine", str(path))
    assert sys.modules["im2col_harness_plugin_mine"] is module


@pytest.mark.parametrize("statement", ["raise KeyError('lost')", "raise SystemExit(3)", "def ("])
def test_a_module_that_fails_is_forgotten_and_its_error_is_its_own(write: Write, statement: str) -> None:
    path = write("mine.py", f"{statement}\n")
    with pytest.raises((KeyError, SystemExit, SyntaxError)):
        import_file(path)
    assert "im2col_harness_plugin_mine" not in sys.modules


def test_what_python_cannot_read_is_told(write: Write) -> None:
    with pytest.raises(ImportError) as caught:
        import_file(write("mine.txt", "value = 7\n"))
    assert str(caught.value) == "it cannot be read as Python"


def test_the_folder_of_a_file_is_searched_after_our_own_packages(write: Write, tmp_path: Path) -> None:
    sys.path[:] = ["/elsewhere", _ROOT, "/further"]
    import_file(write("mine.py", ""))
    assert sys.path == ["/elsewhere", _ROOT, str(tmp_path), "/further"]


def test_the_folder_is_first_where_our_own_is_not_searched(write: Write, tmp_path: Path) -> None:
    sys.path[:] = ["/elsewhere", "/further"]
    import_file(write("mine.py", ""))
    assert sys.path == [str(tmp_path), "/elsewhere", "/further"]


def test_the_folder_of_the_last_file_alone_is_searched(write: Write, tmp_path: Path) -> None:
    sys.path[:] = [_ROOT]
    for folder in ("one", "two", "one"):
        import_file(write(f"{folder}/mine.py", ""))
        assert sys.path == [_ROOT, str(tmp_path / folder)]
    assert plugin_files._folders[-2:] == [tmp_path / "two", tmp_path / "one"]
    import_file(write("one/other.py", ""))  # a second file of the same folder
    assert sys.path.count(str(tmp_path / "one")) >= 1


def test_what_lies_beside_a_file_is_its_own_and_stays_so(write: Write) -> None:
    """A module, a package and a module within it; loaded at once or as a function is called."""
    source = "import kern, parts.inner\ndef told():\n    return kern.WHO, parts.inner.WHO\n"
    made: dict[str, ModuleType] = {}
    for folder in ("one", "two"):
        write(f"{folder}/kern.py", f"WHO = {folder!r}\n")
        write(f"{folder}/parts/__init__.py", "")
        write(f"{folder}/parts/inner.py", f"WHO = 'inner {folder}'\n")
        made[folder] = import_file(write(f"{folder}/mine.py", source))
    assert made["two"].told() == ("two", "inner two")
    assert made["one"].told() == ("one", "inner one")
    again = import_file(write("one/mine.py", source))
    assert again.told() == ("one", "inner one")
    assert sys.modules["kern"].WHO == "one"


def test_modules_of_the_same_folder_are_not_imported_twice(write: Write) -> None:
    write("kern.py", "made = []\n")
    first = import_file(write("mine.py", "import kern\n"))
    second = import_file(write("other.py", "import kern\n"))
    assert first.kern is second.kern


def test_modules_of_others_are_left_alone(write: Write, tmp_path: Path) -> None:
    """Of a folder within the folder, of a library, of ours, or without a file."""
    import json

    deeper = ModuleType("deeper")
    deeper.__file__ = str(tmp_path / "one" / "inner" / "deeper.py")
    ours = ModuleType("backends")
    ours.__file__ = str(tmp_path / "one" / "backends" / "__init__.py")
    none = ModuleType("without_a_file")
    sys.modules.update({"deeper": deeper, "backends": ours, "without_a_file": none})
    import_file(write("one/mine.py", ""))
    import_file(write("two/mine.py", ""))
    assert sys.modules["deeper"] is deeper
    assert sys.modules["backends"] is ours
    assert sys.modules["without_a_file"] is none
    assert sys.modules["json"] is json


def test_a_link_to_a_file_finds_what_lies_beside_the_file(write: Write, tmp_path: Path) -> None:
    write("real/kern.py", "WHO = 'real'\n")
    target = write("real/mine.py", "import kern\n")
    link = tmp_path / "links" / "mine.py"
    link.parent.mkdir()
    link.symlink_to(target)
    assert import_file(link).kern.WHO == "real"
