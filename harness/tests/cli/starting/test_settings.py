"""`[tool.im2col-harness]` of a pyproject.toml holds where the command line says nothing, and what is used is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.project import settings
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import edited
from harness.tests.helpers.program import stored

_C_ORDER = "return columns.reshape(spec.columns_shape)"
_FORTRAN = edited(_C_ORDER, "return np.asfortranarray(columns.reshape(spec.columns_shape))")
_KNOWN = "contract.contiguous/im2col/*  # Fortran order\n"
_CONTIGUOUS = ("--check", "contract.contiguous", "--ops", "im2col", "--no-diagnose")
_LAYER = "n1c3h12w11_f4kh3kw2"


def _project(folder: Path, *lines: str) -> None:
    (folder / "pyproject.toml").write_text("\n".join(["[tool.im2col-harness]", *lines, ""]), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a plug-in, a known failure, and a folder below."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "mine.py").write_text(_FORTRAN, encoding="utf-8")
    (tmp_path / "known.txt").write_text(_KNOWN, encoding="utf-8")
    (tmp_path / "below").mkdir()
    _project(tmp_path, 'backend = "src/mine.py"', 'xfails = "known.txt"', 'as-of = "2026.11"')
    return tmp_path


def _asked(file: Path) -> set[str]:
    """The ids of the checks in a document of `harness check --json`."""
    return {group["id"] for group in stored(file)[0]["checks"]}


def test_check_uses_all_of_it(run: Run, project: Path) -> None:
    done = run("check", *_CONTIGUOUS, "--json", "found.json")
    assert done.code == 0, done.out
    assert "from pyproject.toml: backend src/mine.py; xfails known.txt; as-of 2026.11\n" in done.err
    (found,) = stored(project / "found.json")
    assert (found["backend"], found["verdict"]) == ("mine", "pass")
    assert found["counts"]["xfail"] > 0


def test_only_the_checks_of_that_version_are_asked(run: Run, project: Path) -> None:
    assert run("check", "--tier", "0", "--json", "old.json").code == 0
    assert run("check", "--tier", "0", "--as-of", "2026.12", "--json", "new.json").code == 0
    assert _asked(project / "new.json") - _asked(project / "old.json") == {"contract.type"}


def test_without_the_known_failures_the_backend_does_not_pass(run: Run, project: Path) -> None:
    """Else the test above would say nothing of them."""
    _project(project, 'backend = "src/mine.py"')
    assert run("check", *_CONTIGUOUS).code == 1


def test_it_is_found_from_a_folder_below(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "below")
    done = run("check", "--tier", "0")
    assert done.code == 0, done.out
    assert f"from {project}/pyproject.toml: backend {project}/src/mine.py; xfails {project}/known.txt" in done.err


def test_a_nearer_file_without_the_table_does_not_hide_it(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "below" / "pyproject.toml").write_text('[project]\nname = "im2col-harness-of-mine"\n', encoding="utf-8")
    monkeypatch.chdir(project / "below")
    assert settings.read().file == project / "pyproject.toml"


def test_the_command_line_comes_first(run: Run, project: Path) -> None:
    done = run("check", "src/mine.py", *_CONTIGUOUS, "--as-of", "2026.12")
    assert done.code == 0, done.out
    assert "from pyproject.toml: xfails known.txt\n" in done.err  # it is the backend that they are meant for
    (project / "none.txt").write_text("", encoding="utf-8")
    done = run("check", *_CONTIGUOUS, "--xfails", "none.txt")
    assert done.code == 1
    assert "xfails" not in done.err


def test_known_failures_do_not_count_for_another_backend(run: Run, project: Path) -> None:
    """They would match nothing there, or what was meant for nobody."""
    (project / "other.py").write_text(_FORTRAN, encoding="utf-8")
    done = run("check", "other.py", *_CONTIGUOUS)
    assert done.code == 1
    assert "from pyproject.toml: as-of 2026.11\n" in done.err


def test_several_backends_of_all_kinds(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "classes.py").write_text("class Mine:\n    def im2col(self, x, spec): ...\n", encoding="utf-8")
    _project(project, 'backend = ["numpy_fancy", "classes.py:Mine", "other=src/mine.py", "package.kernels:Mine"]')
    monkeypatch.chdir(project / "below")
    assert settings.read().backends == (
        "numpy_fancy", f"{project}/classes.py:Mine", f"other={project}/src/mine.py", "package.kernels:Mine",
    )  # fmt: skip


def test_compare_uses_backends_and_shapes(run: Run, project: Path) -> None:
    """Of ours: a file would be judged by all of tier 1 first."""
    (project / "layers.txt").write_text(f"{_LAYER}\n", encoding="utf-8")
    _project(project, 'backend = ["matlab_loop", "numpy_fancy"]', 'shapes = "layers.txt"')
    words = ["--ops", "im2col", "--pairs", "2", "--processes", "1"]
    done = run("compare", *words, "--json", "found.json")
    assert done.code == 0, done.err
    assert "from pyproject.toml: backend matlab_loop, numpy_fancy; shapes layers.txt\n" in done.err
    (row,) = stored(project / "found.json")["rows"]
    assert (row["a"], row["b"], row["spec"]) == ("matlab_loop", "numpy_fancy", _LAYER)
    done = run("compare", *words, "--shapes", "n1c1h5w5_f1kh3kw3", "--json", "found.json")
    assert "shapes" not in done.err
    assert stored(project / "found.json")["rows"][0]["spec"] == "n1c1h5w5_f1kh3kw3"


def test_bench_uses_backends_and_shapes(run: Run, project: Path) -> None:
    (project / "layers.txt").write_text(f"{_LAYER}\n", encoding="utf-8")
    _project(project, 'backend = ["numpy_fancy", "matlab_loop"]', 'shapes = "layers.txt"')
    words = ["--ops", "im2col", "--budget", "0.05", "--no-asv", "--results", "kept"]
    done = run("bench", *words)
    assert done.code == 0, done.err
    assert "from pyproject.toml: backend numpy_fancy, matlab_loop; shapes layers.txt\n" in done.err
    assert "measured 2 of 2 cells\n" in done.err
    done = run("bench", "numpy_fancy", *words, "--shapes", "n1c1h5w5_f1kh3kw3")
    assert done.code == 0, done.err
    assert "from pyproject.toml" not in done.err
    assert "measured 1 of 1 cells\n" in done.err


def test_what_bench_is_told_to_measure_there_has_to_be_available(run: Run, project: Path) -> None:
    """As if it had been named on the command line."""
    (project / "gone.py").write_text("import a_library_not_installed\n", encoding="utf-8")
    _project(project, 'backend = "gone.py"', f'shapes = "{_LAYER}"')
    assert run("bench", "--ops", "im2col", "--no-asv", "--results", "kept").code == 3


def test_compare_with_one_backend_says_what_is_missing(run: Run, project: Path) -> None:
    done = run("compare")
    assert (done.code, done.err) == (2, "harness: Invalid value: compare takes at least two backends\n")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['backends = "mine.py"'], "pyproject.toml, [tool.im2col-harness] has no 'backends', did you mean 'backend'?; "
         "it has backend, xfails, as-of, shapes"),
        (['as_of = "2026.13"'], "has no 'as_of', did you mean 'as-of'?"),
        (["as-of = 2026.13"], "pyproject.toml, [tool.im2col-harness]: as-of must be a text, got 2026.13"),
        (["backend = []"], "backend must be a text or a list of texts, got []"),
        (["backend = ['numpy_fancy', 1]"], "backend must be a text or a list of texts, got ['numpy_fancy', 1]"),
        (["xfails = ''"], "xfails must be a text, got ''"),
        (["backend = "], "pyproject.toml cannot be read: "),
        (['backend = "none.py"'], "backend file 'none.py' does not exist"),
        (['backend = "numpy_fancy"', 'xfails = "none.txt"'], "known failures 'none.txt' cannot be read: "),
        (['as-of = "1999.1"'], "--as-of must be among 2026.11, 2026.12, 2026.13, 2026.14, 2026.15, got '1999.1'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_it_is_one_line(run: Run, tmp_path: Path, lines: list[str], said: str) -> None:
    _project(tmp_path, *lines)
    done = run("check", "--tier", "0")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("harness: ")
    assert done.err.count("\n") == 1
    assert said in done.err


@pytest.mark.parametrize("text", ["[tool.other]\nbackend = 1\n", "broken = \n", "[project]\nname = 'im2col-harness'\n"])
def test_a_file_that_says_nothing_of_us_changes_nothing(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert settings.read() == settings.Settings()
    done = run("check", "numpy_fancy", "--tier", "0")
    assert (done.code, done.err) == (0, "")
