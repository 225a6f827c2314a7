"""What `--scheduler` takes."""

from __future__ import annotations

import socket

import pytest
import typer

from harness.cli.clusters import connecting
from harness.cli.clusters.connecting import address

pytest.importorskip("distributed", reason="dask.distributed is not installed")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("local", "local"), ("local:2", "local:2"), ("host", "tcp://host:8786"), ("10.0.0.1:99", "tcp://10.0.0.1:99"),
        ("tls://host:1", "tls://host:1"), (" [::1]:5 ", "tcp://[::1]:5"),
    ],
)  # fmt: skip
def test_an_address(given: str, meant: str) -> None:
    assert address(given) == meant


@pytest.mark.parametrize(
    "given", ["", "local:0", "local:x", "a b", "host:0", "host:99999", "tcp://", "host:1:2", "http://host:1"]
)
def test_no_address(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="--scheduler must be"):
        address(given)


def test_what_listens_and_is_silent_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(typer.BadParameter, match="cannot be reached"), connecting.joined(where):
            pass
