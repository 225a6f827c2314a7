"""The list of libraries: it can be read, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.run import xfails
from harness.cli.scoreboard import page, peers, reports
from harness.cli.scoreboard.peers import ROOT, Peer, PeersError
from harness.tests.helpers.committed import committed

LISTED = peers.read()
_MOST_LINES = 80  # that are not blank


def _blanks_left_out(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_every_plug_in_is_listed_and_short() -> None:
    there = {path.stem: path for path in (ROOT / peers.FOLDER).glob("*.py")}
    assert {peer.name for peer in LISTED} == there.keys()
    assert {name: n for name, path in there.items() if (n := len(_blanks_left_out(path))) >= _MOST_LINES} == {}


def test_every_fault_has_a_script_that_needs_nothing_of_ours() -> None:
    faults = [fault for peer in LISTED for fault in peer.faults]
    scripts = {str(path.relative_to(ROOT)) for path in (ROOT / peers.REPROS).glob("*.py")}
    assert {str(fault.repro) for fault in faults} == scripts
    for fault in faults:
        text = (ROOT / fault.repro).read_text(encoding="utf-8")
        assert not re.search(r"^(?:import|from) (?:harness|conformance|backends)\b", text, re.M)
        assert "sys.exit(" in text, "a script says by its exit code whether the fault shows"


def test_known_failures_can_be_read_and_belong_to_a_fault() -> None:
    known = {ROOT / fault.known for peer in LISTED for fault in peer.faults}
    there = set((ROOT / peers.FOLDER / "known").iterdir())
    assert there <= known
    for path in there:
        assert xfails.read(path)


def test_the_version_that_a_fault_was_seen_in_is_the_one_that_is_installed() -> None:
    for peer in LISTED:
        assert all(any(f"=={fault.confirmed}" in one for one in peer.requires) for fault in peer.faults)


def test_the_pages_are_those_of_the_committed_results() -> None:
    assert committed("results/scoreboard")
    results = page.read(ROOT, LISTED)
    text = (ROOT / page.PAGE).read_text(encoding="utf-8")
    assert page.MARKS.replaced(text, page.markdown(LISTED, results)) == text
    text = (ROOT / reports.PAGE).read_text(encoding="utf-8")
    assert reports.MARKS.replaced(text, reports.markdown(ROOT, LISTED, results)) == text
    judged = [one.report for one in results.values() if one.report is not None]
    assert len([one for one in judged if one.executed == one.planned]) >= 8


def test_a_peer_that_is_not_listed_is_refused() -> None:
    assert [peer.name for peer in peers.chosen(["unfold_nd", "jax_lax"], LISTED)] == ["jax_lax", "unfold_nd"]
    assert peers.chosen([], LISTED) == LISTED
    with pytest.raises(PeersError, match="no peer is called 'jax'; there are jax_lax, mlx_cpu"):
        peers.chosen(["jax"], LISTED)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[peer]]\nname = 'a'\n", "missing required field"),
        ("[[peer]\n", "list of peers"),
        ("peers = 1", "unknown field"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "peers.toml"
    file.write_text(text)
    with pytest.raises(PeersError, match=f"peers.toml cannot be read.*{said}"):
        peers.read(file)


def test_the_newest_versions_have_no_limits() -> None:
    peer = Peer(name="a", package="a", requires=["a[cpu]==1.0", "b>=2,<3", "c"], home="")
    assert peer.wanted(latest=True) == ["a[cpu]", "b", "c"]
    assert peer.wanted(latest=False) == peer.requires
