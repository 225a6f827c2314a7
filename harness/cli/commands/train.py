"""`harness train`: does a network learn the same on every backend, and how long does an epoch take?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace

from harness.cli import outputs, terminal
from harness.cli.measured import training_table
from harness.cli.options import Backends, JsonFile, file, seconds, whole
from harness.contract import targets
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Verdict
from harness.contract.targets import RegistryError, Target
from harness.nn.networks import NETWORKS
from harness.nn.ops import Ops, opened
from harness.nn.training import bound, digits, epoch_times
from harness.nn.training.compare import WRONG_ON_PURPOSE, Comparison, Judged
from harness.nn.training.digits import DigitsMissing, Images
from harness.nn.training.run import Plan
from harness.results import machine
from harness.results.records import SCHEMA
from harness.results.training.records import TrainReport
from harness.results.writing import STDOUT
from harness.telling import did_you_mean

_EPOCHS, _QUICK_EPOCHS = 20, 2
_BATCH, _QUICK_BATCH = 32, 10
_QUICK_IMAGES = 40, 40  # to learn from, to be tested on
_RATE, _MOMENTUM = 0.1, 0.9
_BUDGET, _QUICK_BUDGET, _TIME_BUDGET = 600.0, 60.0, 5.0  # seconds a backend
_PICTURES = (".png", ".svg")
_MOST_SEED = 2**32 - 1

_ALL = "the same as BACKEND; all: every registered one, as without any"
_NETWORK = f"{' (8x8 pixels) or '.join(NETWORKS)} (28x28)"
_PASSES = f"passes over the images; {_EPOCHS} if not given, {_QUICK_EPOCHS} with --quick"
_LESS = "less data and fewer epochs: a minute, and too little for a good accuracy"
_LONGEST = (
    f"seconds of training of a backend, then it is stopped; {_BUDGET:g} if not given, {_QUICK_BUDGET:g} with --quick"
)
_EPOCH = "also time an epoch of 60,000 images of 28x28, and hold published claims against it"
_FIGURE = "also draw the losses, as .svg or .png"


def train(
    names: Backends = None,
    more: Annotated[list[str] | None, typer.Option("--backend", metavar="BACKEND", help=_ALL)] = None,
    network: Annotated[str, typer.Option(metavar="NAME", help=_NETWORK)] = "small",
    epochs: Annotated[int | None, typer.Option(parser=whole(1, 10_000), metavar="N", help=_PASSES)] = None,
    seed: Annotated[
        int, typer.Option(parser=whole(0, _MOST_SEED), metavar="N", help="draws weights, split and batches")
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help=_LESS)] = False,
    budget: Annotated[float | None, typer.Option(parser=seconds(0.01, inf), metavar="S", help=_LONGEST)] = None,
    timed: Annotated[bool, typer.Option("--time", help=_EPOCH)] = False,
    json_file: JsonFile = None,
    figure: Annotated[Path | None, typer.Option(parser=file, metavar="FILE", help=_FIGURE)] = None,
) -> None:
    """Does a network learn the same on every backend? Trains one on each from the same start; also times an epoch."""
    if network not in NETWORKS:
        hint = did_you_mean(network, NETWORKS)
        raise typer.BadParameter(f"network must be among {', '.join(NETWORKS)}, got {network!r}{hint}")
    _require_picture(figure)
    asked, named = _asked(names, more)
    files = outputs.require((json_file, figure), outputs.files_of(asked))
    plan = Plan(
        NETWORKS[network], epochs or (_QUICK_EPOCHS if quick else _EPOCHS), _QUICK_BATCH if quick else _BATCH, _RATE,
        _MOMENTUM, seed,
    )  # fmt: skip
    images = _images(plan, quick)
    report, judged = _trained(plan, images, asked, budget or (_QUICK_BUDGET if quick else _BUDGET), quick)
    if timed and not judged.partial:
        report = _timed(report, asked)
    with terminal.aside(outputs.takes_stdout(files)):
        training_table.show(report)
    code = outputs.write(
        [
            (json_file, lambda: json.dumps(msgspec.to_builtins(report), indent=1, allow_nan=False) + "\n"),
            (figure, lambda: _picture(report, figure)),
        ],
        _code(judged, named),
    )  # fmt: skip
    if report.partial:
        raise KeyboardInterrupt
    raise typer.Exit(code)


def _asked(names: list[str] | None, more: list[str] | None) -> tuple[list[Target], bool]:
    """What was asked for, and whether by name."""
    given = [*(names or []), *(more or [])]
    if "all" in given and len(given) > 1:
        raise typer.BadParameter("'all' stands for every registered backend; name no other beside it")
    named = bool(given) and given != ["all"]
    return targets.resolve_all(given if named else targets.names()), named


def _images(plan: Plan, quick: bool) -> Images:
    try:
        with terminal.waiting("the digits"):
            found = digits.load(plan.design.image, plan.seed)
    except DigitsMissing as missing:
        raise typer.BadParameter(str(missing)) from missing
    return found.first(*_QUICK_IMAGES) if quick else found


def _trained(plan: Plan, images: Images, asked: list[Target], budget: float, quick: bool) -> tuple[TrainReport, Judged]:
    """All backends by the plan."""
    steps = plan.steps(len(images.x))
    runs = bound.RUNS + len(asked) + len(WRONG_ON_PURPOSE)
    with terminal.Ticker("train", runs * steps) as ticker:
        allowed = bound.bound(plan, images, lambda: ticker.step("oracle"))
        judged = Comparison(plan, images, allowed, budget).run(asked, ticker.step)
    report = TrainReport(
        schema=SCHEMA, machine=machine.facts(), network=plan.design.name, seed=plan.seed, epochs=plan.epochs,
        batch=plan.batch, rate=plan.rate, momentum=plan.momentum, images=len(images.x),
        test_images=len(images.test_x), quick=quick, oracle=list(allowed.losses), allowed=list(allowed.allowed),
        backends=judged.backends, wrong_on_purpose=judged.wrong_on_purpose, partial=judged.partial,
    )  # fmt: skip
    return report, judged


def _timed(report: TrainReport, asked: list[Target]) -> TrainReport:
    """With the times of an epoch, of all that are not wrong. Ctrl-C leaves them out."""
    wrong = {one.backend for one in report.backends if one.verdict in (Verdict.FAIL, Verdict.UNAVAILABLE)}
    there: dict[str, Ops] = {}
    try:
        with ExitStack() as stack:
            for target in asked:
                if target.name not in wrong:
                    try:
                        with terminal.waiting(f"{target.name} to load"):
                            there[target.name] = stack.enter_context(opened(target))
                    except (BackendUnavailable, RegistryError) as reason:
                        terminal.say(f"{target.name} has no time: {reason}")
            with terminal.Ticker("time", len(there) * (1 + epoch_times.ROUNDS)) as ticker:
                times, without = epoch_times.measure(there, _TIME_BUDGET, ticker.step)
    except KeyboardInterrupt:
        return replace(report, partial=True)
    for name, why in without.items():
        terminal.say(f"{name} has no time: {why}")
    return replace(report, times=times, claims=epoch_times.tested(times))


def _code(judged: Judged, named: bool) -> int:
    """1 if a backend is wrong, or what is wrong on purpose was not seen; 3 if one is incomplete or is not there."""
    unseen = any(one.verdict is not Verdict.FAIL for one in judged.wrong_on_purpose)
    verdicts = {one.verdict for one in judged.backends}
    if unseen or Verdict.FAIL in verdicts:
        return 1
    if Verdict.INCOMPLETE in verdicts or (named and Verdict.UNAVAILABLE in verdicts):
        return 3
    return 0 if Verdict.PASS in verdicts else 3


def _require_picture(figure: Path | None) -> None:
    """Raises `BadParameter` for a file that is no picture, or if the library is missing: better known before."""
    if figure is None:
        return
    if figure == STDOUT or figure.suffix not in _PICTURES:
        raise typer.BadParameter(f"figure must be a file ending in {' or '.join(_PICTURES)}, got {str(figure)!r}")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise typer.BadParameter(
            "a figure needs matplotlib, which is not installed: pip install 'im2col-harness[report]'"
        ) from error


def _picture(report: TrainReport, figure: Path | None) -> bytes:
    from harness.report.training import curves

    return curves.picture(report, figure.suffix if figure else _PICTURES[0])
