"""The libraries that are looked at, as backends/peers/peers.toml lists them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, field

from harness.contract.status import Grade

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path("backends/peers")
REPROS = Path("docs/repros")


class PeersError(ValueError):
    """A list of peers that cannot be read, or a name that is not in it."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong in a library: a script shows it without the harness, and cases of the suite fail for it."""

    script: str  # of docs/repros, without its ending
    text: str
    grade: Grade
    confirmed: str  # the version that it was last seen in
    expected: str  # what the definition asks for, in one or two sentences for its authors
    upstream: str = ""  # where it is reported

    @property
    def repro(self) -> Path:
        """The script, which exits with 1 where the fault shows and with 0 where it does not."""
        return REPROS / f"{self.script}.py"

    @property
    def known(self) -> Path:
        """The cases that fail for it, one pattern a line; it may be missing."""
        return FOLDER / "known" / f"{self.script}.txt"


class Peer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One library and its plug-in."""

    name: str
    package: str  # the distribution whose version is shown
    requires: list[str]
    home: str
    faults: list[Fault] = field(default_factory=list)

    @property
    def plugin(self) -> Path:
        """The file of the plug-in."""
        return FOLDER / f"{self.name}.py"

    def wanted(self, latest: bool) -> list[str]:
        """What pip is asked for: the versions of the list, or the newest that there are.

        >>> Peer(name="a", package="a", requires=["a[cpu]==1.0", "b>=2"], home="").wanted(True)
        ['a[cpu]', 'b']
        """
        return [re.split(r"[<>=!~; ]", one, maxsplit=1)[0] for one in self.requires] if latest else self.requires


class _Listed(Struct, frozen=True, forbid_unknown_fields=True):
    peer: list[Peer]


def read(path: Path = ROOT / FOLDER / "peers.toml") -> list[Peer]:
    """All of them. Raises `PeersError` naming the file and what is wrong."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_Listed).peer
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise PeersError(f"{path} cannot be read as a list of peers: {error}") from error


def chosen(names: Sequence[str], listed: Sequence[Peer]) -> list[Peer]:
    """Those named, in the order of the list; all, if none is. Raises `PeersError` for a name that is not listed."""
    known = [peer.name for peer in listed]
    for name in names:
        if name not in known:
            raise PeersError(f"no peer is called {name!r}; there are {', '.join(known)}")
    return [peer for peer in listed if not names or peer.name in names]
