"""The README: its example works as printed, it stays short, and its table is that of the committed results."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.geometry.layers import read_layers
from harness.tests.helpers.committed import committed

pytestmark = pytest.mark.heavy

_ROOT = Path(__file__).resolve().parents[3]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short() -> None:
    assert len(_README.splitlines()) < 150
    assert len((_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) < 60


def test_its_plug_in_passes_as_printed(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _README, re.S)
    (tmp_path / "mine.py").write_text(code)
    command = [sys.executable, "-m", "harness", "check", "./mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (executed,) = re.findall(r"mine +pass +(\d+) of \1 ", done.stdout)
    assert int(executed) > 2000  # all ops, of which four are derived, in two dtypes


def test_its_failure_is_what_a_broken_plug_in_prints(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _README, re.S)
    broken = code.replace("view += columns", "view[...] = columns")
    assert broken != code
    (tmp_path / "mine.py").write_text(broken)
    command = [sys.executable, "-m", "harness", "check", "./mine.py", "--check", "values.exact"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    shown = " ".join(_README.split())
    told = " ".join(re.split(r"[\d,]+ cases fail", done.stdout)[0].split())
    assert "keeps only the last tap where windows overlap" in told
    assert told in shown


def test_it_names_what_ships() -> None:
    from backends import BUILTIN

    assert all(f"`{name}`" in _README for name in BUILTIN)
    for word in re.findall(r"--shapes (\w+)", _README):
        assert read_layers(word)


def test_its_table_is_that_of_the_committed_results(tmp_path: Path) -> None:
    """The numbers of the README come from the committed files of results/runs and from nowhere else."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    from harness.report import headline
    from harness.report.measured.load import load

    kept = committed("results/runs")
    for name in kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / name, tmp_path / name)
    machines = {Path(name).parent.name for name in kept}
    tables = {machine: headline.markdown(load(tmp_path / "results", machine)) for machine in machines}
    assert [machine for machine in machines if headline.MARKS.replaced(_README, tables[machine]) == _README]


def test_the_files_it_links_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", _README) if "://" not in link]
    assert links
    assert all((_ROOT / link).exists() for link in links), links


def test_goals_stand_beside_what_the_committed_comparisons_say() -> None:
    from harness.report import goals

    assert list((_ROOT / "results/goals").glob("*/*.json")), "nothing to compare with"
    both = [(f"goals/{kind}", "numba_tiled") for kind in ("avx512", "avx2")]
    for results, backend in (*both, ("pooling", "numba_tiled"), ("gpu", "cupy_kernels")):
        guide = (_ROOT / "backends" / backend / "README.md").read_text(encoding="utf-8")
        folder = _ROOT / "results" / results
        assert goals.marks(folder).replaced(guide, goals.markdown(folder)) == guide
