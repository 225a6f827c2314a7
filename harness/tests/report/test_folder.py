"""The folder of a report: what no report wrote is neither overwritten nor deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from harness.report import folder
from harness.report.charts import drawing
from harness.results.writing import ResultsError
from harness.tests.helpers.imports import ROOT
from harness.tests.helpers.system.files import no_file_above

FILES: dict[str, str | bytes] = {"tables/a.csv": "a", "tables/a.md": "A", "figures/b.png": b"\x89b"}


def page(*names: str) -> str:
    """A page that links to the files."""
    return folder.GENERATOR + "".join(f'<a href="{name}">' for name in names)


def all_in(out: Path) -> dict[str, bytes]:
    """Every file below."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_the_page_and_what_it_links_to_are_written(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert folder.write(out, page(*FILES), FILES) == out / "index.html"
    assert all_in(out) == {"index.html": page(*FILES).encode(), "tables/a.csv": b"a", "tables/a.md": b"A",
                           "figures/b.png": b"\x89b"}  # fmt: skip


def test_a_second_report_replaces_the_first_and_deletes_what_it_lacks(tmp_path: Path) -> None:
    folder.write(tmp_path, page(*FILES), FILES)
    (tmp_path / "tables" / "own.csv").write_text("own")
    later: dict[str, str | bytes] = {"tables/a.csv": "newer", "tables/c.csv": "c"}
    folder.write(tmp_path, page(*later), later)
    assert all_in(tmp_path) == {"index.html": page(*later).encode(), "tables/a.csv": b"newer", "tables/c.csv": b"c",
                                "tables/own.csv": b"own"}  # fmt: skip


@pytest.mark.parametrize("name", ["index.html", *FILES])
def test_a_file_in_the_way_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    own = tmp_path / name
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(b"\xff my own")
    with pytest.raises(ResultsError, match=rf"{name}' was not written by `harness report`"):
        folder.write(tmp_path, page(*FILES), FILES)
    assert all_in(tmp_path) == {name: b"\xff my own"}


def test_a_file_beside_a_page_of_ours_that_does_not_link_to_it_is_in_the_way(tmp_path: Path) -> None:
    folder.write(tmp_path, page("tables/a.csv"), {"tables/a.csv": "a"})
    (tmp_path / "tables" / "a.md").write_text("own")
    with pytest.raises(ResultsError, match=r"a\.md"):
        folder.write(tmp_path, page(*FILES), FILES)
    assert (tmp_path / "tables" / "a.csv").read_text() == "a"


def test_what_a_link_leads_to_is_in_the_way_as_well(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.csv").write_text("own")
    out = tmp_path / "out"
    out.mkdir()
    (out / "tables").symlink_to(tmp_path / "mine")
    with pytest.raises(ResultsError, match=r"tables/a\.csv' was not written"):
        folder.write(out, page(*FILES), FILES)
    assert all_in(tmp_path / "mine") == {"a.csv": b"own"}


def test_a_report_that_was_cut_off_is_known_again(tmp_path: Path) -> None:
    """The page goes first, so that it lists what may be there already."""
    large: dict[str, str | bytes] = {"tables/a.csv": "a", "tables/b.csv": "b" * 5000}
    with no_file_above(1000), pytest.raises(ResultsError, match=r"b\.csv' cannot be written"):
        folder.write(tmp_path, page(*large), large)
    assert sorted(all_in(tmp_path)) == ["index.html", "tables/a.csv"]
    folder.write(tmp_path, page(*large), large)
    assert all_in(tmp_path)["tables/b.csv"] == b"b" * 5000


def test_a_figure_says_who_drew_it(tmp_path: Path) -> None:
    """The one of the README is kept without its page, and the next report draws it anew."""
    figure = tmp_path / "figures" / "b.png"
    figure.parent.mkdir()
    figure.write_bytes(next((ROOT / "results" / "report" / "figures").glob("*.png")).read_bytes())
    folder.write(tmp_path, page(*FILES), FILES)
    assert figure.read_bytes() == b"\x89b"
    assert drawing.is_ours(drawing.png(Figure(figsize=(1, 1))))
