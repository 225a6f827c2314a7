"""Joins a dask.distributed scheduler, or starts one with workers on this machine (`local`, `local:N`)."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import typer

from harness.calls.limits.threads import usable
from harness.cli import terminal
from harness.results.words import plural
from harness.telling import one_line

_LOCAL = re.compile(r"local(?::([1-9][0-9]{0,3}))?")
_ANSWER = 5.0  # seconds for a scheduler
_PORT = 8786  # dask's own
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def address(text: str) -> str:
    """What `--scheduler` was given, as dask understands it: `local[:N]` or `tcp://HOST:PORT`.

    Raises `BadParameter`.
    """
    text = text.strip()
    if _LOCAL.fullmatch(text):
        return text
    found = re.fullmatch(r"(?:([a-z]+)://)?([^/\s:]+|\[[0-9a-fA-F:]+\])(?::([0-9]{1,5}))?", text)
    port = int(found[3] or _PORT) if found else 0
    if found is None or found[1] not in (None, "tcp", "tls") or not 0 < port < 2**16:
        raise typer.BadParameter(
            f"--scheduler must be HOST:PORT, tcp:// or tls://HOST:PORT, local or local:N, got {text[:60]!r}"
        )
    if find_spec("distributed") is None:
        raise typer.BadParameter("--scheduler needs dask.distributed: pip install 'im2col-harness[cluster]'")
    return f"{found[1] or 'tcp'}://{found[2]}:{port}"


@contextmanager
def joined(where: str, resources: Mapping[str, float] | None = None) -> Iterator[Any]:
    """A client of the scheduler. Raises `BadParameter` if it cannot be reached, in one line and within seconds.

    `resources`: what each worker of a local cluster has.
    """
    if find_spec("distributed") is None:
        raise typer.BadParameter("--scheduler needs dask.distributed: pip install 'im2col-harness[cluster]'")
    import dask
    from distributed import Client

    for name in ("distributed", "tornado", "asyncio"):  # what happens to workers is told by us, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    local = _LOCAL.fullmatch(where)
    with dask.config.set({"distributed.comm.timeouts.connect": f"{_ANSWER:g}s"}):
        if local is not None:
            with _cluster(int(local[1] or usable()), resources or {}) as cluster, Client(cluster) as client:
                yield client
            return
        try:
            with terminal.waiting(f"the scheduler {where} to answer, {_ANSWER:g} s at most"):
                client = _in_time(lambda: Client(where, timeout=f"{_ANSWER:g}s", set_as_default=False))
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise typer.BadParameter(f"the scheduler {where} cannot be reached: {_short(error)}") from None
    try:
        yield client
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=2)


def _in_time(connect: Callable[[], Any]) -> Any:
    """What `connect` gives. Raises what it raises, and `TimeoutError` if something listens there that never answers."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(connect())
        except BaseException as error:
            found.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(2 * _ANSWER)
    if not found:
        raise TimeoutError("what listens there does not answer as a scheduler does")
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@contextmanager
def _cluster(workers: int, resources: Mapping[str, float]) -> Iterator[Any]:
    import dask
    from distributed import LocalCluster

    settings = {f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in _ALONE.items()}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1, **settings}),
        terminal.waiting(f"{plural(workers, 'worker')} on this machine to start"),
    ):
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0, host="127.0.0.1",
            dashboard_address=None, resources=dict(resources), silence_logs=logging.CRITICAL,
        )  # fmt: skip
    try:
        yield cluster
    finally:
        cluster.close(timeout=10)


def _short(error: BaseException) -> str:
    return one_line(error) or type(error).__name__
