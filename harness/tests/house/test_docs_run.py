"""The documentation: its examples run, its picture is true, and its site can be built without the network."""

from __future__ import annotations

import doctest
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.results.records import Comparison
from harness.tests.helpers.house.pages import DOCS, PAGES, page_named, run
from harness.tests.helpers.imports import ROOT

pytestmark = pytest.mark.heavy

_EXAMPLES = DOCS / "examples"
_SNIPPET = re.compile(r'--8<-- "([^":]+)(?::(\d+):(\d+))?"')


# -- code -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if ">>> " in text])
def test_code_in_pages_does_what_it_says(page: str) -> None:
    found = doctest.testfile(str(ROOT / page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith("docs/")])
def test_parts_of_examples_are_whole(page: str) -> None:
    """What a page shows of a file by line numbers begins and ends beside an empty line."""
    assert PAGES[page].count("--8") == len(_SNIPPET.findall(PAGES[page]))
    for file, first, last in _SNIPPET.findall(PAGES[page]):
        lines = ["", *(ROOT / file).read_text(encoding="utf-8").splitlines(), ""]
        if first:  # a whole file otherwise
            assert not lines[int(first) - 1]
            assert lines[int(first)]
            assert lines[int(last)]
            assert not lines[int(last) + 1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        # As the pages give them.
        pytest.param("harness check docs/examples/smallest.py", 0, marks=pytest.mark.slow),
        pytest.param("harness check docs/examples/refusals.py", 0, marks=pytest.mark.slow),
        pytest.param("harness check docs/examples/all_six.py", 0, marks=pytest.mark.slow),
        pytest.param("harness check docs/examples/unfinished.py", 1, marks=pytest.mark.slow),
        pytest.param("harness check docs/examples/two.py:ByTap docs/examples/two.py:AtOnce", 0, marks=pytest.mark.slow),
        # For less time.
        ("harness check docs/examples/smallest.py --tier 0", 0),
        ("harness check docs/examples/refusals.py --tier 0", 0),
        ("harness check docs/examples/all_six.py --tier 0", 0),
        ("harness check docs/examples/unfinished.py --xfails docs/examples/known-failures.txt --ops im2col", 0),
        ("harness check before=docs/examples/two.py:ByTap after=docs/examples/two.py:AtOnce --tier 0", 0),
        ("pytest -p no:cacheprovider docs/examples/test_smallest.py", 0),
        ("docs/examples/from_python.py", 0),
    ],
)
def test_examples_run(words: str, code: int) -> None:
    done = run(*words.split())
    assert done.returncode == code, done.stdout + done.stderr
    names = re.findall(r"(?:(\w+)=)?docs/examples/(?:two\.py:(\w+))?", words) if "two" in words else []
    assert all((given or f"two.{attribute}") in done.stdout for given, attribute in names)


def test_the_example_with_tensors_runs() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    done = run("harness", "check", "docs/examples/own_arrays.py", "--tier", "0")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_two_variants_of_the_example_are_compared() -> None:
    done = run("harness", "compare", "before=docs/examples/two.py:ByTap", "docs/examples/two.py:AtOnce",
                "--ops", "im2col", "--shapes", "n1c3h12w11_f4kh3kw2", "--pairs", "2", "--processes", "1")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "before" in done.stdout
    assert "two.AtOnce" in done.stdout


def test_every_example_is_listed_and_says_how_it_isrun() -> None:
    files = {path.name for path in _EXAMPLES.iterdir() if path.suffix in (".py", ".txt")}
    assert files == set(re.findall(r"\]\(([\w.-]+)\)", page_named("examples/index.md")))
    for path in _EXAMPLES.glob("*.py"):
        assert f"docs/examples/{path.name}" in path.read_text(encoding="utf-8").split('"""')[1]


def test_refusals_of_the_example_are_told(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    run("harness", "check", "docs/examples/refusals.py", "--json", str(file), "--check", "contract.shape")
    (found,) = json.loads(file.read_text(encoding="utf-8"))
    told = " ".join(group["reason"] for group in found["checks"])
    assert "padding wider than the kernel" in told
    assert "dtype float64 is not claimed" in told


# -- the site ---------------------------------------------------------------------------------------------------------


def test_the_picture_is_that_of_the_imports_today() -> None:
    drawing = _script("draw_architecture")
    committed = drawing.PICTURE.read_text(encoding="utf-8")
    data = json.loads(
        re.findall(r"<metadata>(.*?)</metadata>", committed)[0].replace("&quot;", '"').replace("&gt;", ">")
    )
    assert data == drawing.data(), "run: python docs/draw_architecture.py"
    assert committed == drawing.draw(data), "run: python docs/draw_architecture.py"


def test_the_picture_shows_every_room_and_import() -> None:
    drawing = _script("draw_architecture")
    known = drawing.data()
    assert known["files"].keys() == set(drawing.floors())
    assert all(known["files"].values())
    assert known["imports"]["harness.timing -> harness.results"] > 0
    wrong = {**known, "imports": {"harness.geometry -> harness.cli": 3}}
    assert "against the floors: harness.geometry -&gt; harness.cli (3)" in drawing.draw(wrong)


def test_links_out_of_the_docs_lead_into_the_repository() -> None:
    hooks = _script("hooks")
    found = doctest.testmod(hooks)
    assert found.attempted
    assert not found.failed
    assert all((ROOT / source).is_file() for source in hooks.GUIDES.values())


def test_the_site_is_built_without_the_network(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    done = run("mkdocs", "build", "--strict", "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    built = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert {"architecture", "contract", "conformance", "numba_tiled", "examples"} <= {p.parent.name for p in built}
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]*\bsrc="(?:https?:)?//|<link rel="(?:stylesheet|preconnect)"[^>]*//'
    )
    assert [str(path) for path, text in built.items() if loaded.search(text)] == []
    assert ">Windows</span>" in built[tmp_path / "writing-a-backend" / "index.html"]  # a class of an example
    assert loaded.search('<script src="https://cdn.example.org/x.js">')


def _script(name: str) -> Any:
    """A script of `docs/`, imported."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_speed_of_numba_tiled_in_rooms_is_that_of_the_committed_comparisons() -> None:
    page = (ROOT / "docs" / "decisions" / "numba-tiled-in-rooms.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "results" / "before_rooms").glob("*.json"))
    means = [m for f in files for m in msgspec.json.decode(f.read_bytes(), type=Comparison).geomean]
    assert len(means) == 8
    for mean in means:
        assert mean.ratio is not None
        assert mean.ratio < 1.03
        assert f"| `{mean.a}` {mean.op} | {mean.ratio:.3f} | {mean.layers} |" in page
