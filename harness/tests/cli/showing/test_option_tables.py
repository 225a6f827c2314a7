"""Every option of every command: its names, what it takes, what it is without being given, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

from harness.cli.commands import app
from harness.contract.status import Grade


class Option(NamedTuple):
    """Names as they are typed (an argument has none), what follows them, the value if it is not given, the help."""

    names: str
    metavar: str | None
    default: object
    help: str
    repeats: bool = False


_BACKENDS = Option("", "[BACKEND]...", None, "a name, file.py[:Attr] or module:Attr, each also as NAME=BACKEND")
_OPS = Option(
    "--ops", None, None,
    "ops, comma-separated: im2col, col2im, conv2d, conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad, or of "
    "pooling max_pool2d, max_pool2d_grad, avg_pool2d, avg_pool2d_grad, avg_pool2d_exclude_padding, "
    "avg_pool2d_exclude_padding_grad", True,
)  # fmt: skip
_DTYPES = Option("--dtype", None, None, "dtypes, comma-separated", True)
_JSON = Option("--json", "FILE", None, "also write the result as JSON")
_SHAPES = Option(
    "--shapes", "SET|FILE|SPEC", "quick",
    "layers: alexnet, cifar10, core, mnist, mobilenet_v1, pools, quick, resnet50, transposed, vgg16; a table (CSV) of "
    "any usual columns, a file of specs or benchdnn descriptors, an ONNX model, a log of oneDNN or MIOpen, "
    "a sweep as sweep:C (docs/layer-files.md); or one spec, descriptor or line of such a log",
)  # fmt: skip
_BATCH = Option("--batch", "N", None, "images of every layer, instead of its own")
_THREADS = Option("--threads", "N", 1, "threads of every library")
_ALLOCATOR = Option("--allocator", None, "steady", "steady (nobody pays page faults) or default (what users see)")
_RESULTS = Option("--results", "DIR", Path("results"), "results folder")
OPTIONS = {
    "backends": [Option("--json", None, False, "print JSON")],
    "check": [
        _BACKENDS, _OPS, _DTYPES,
        Option("--shape", "SPEC", None, "geometries instead of the suite's own", True),
        Option("--check", "GLOB", None, "a check, a case id (also a short one), or a pattern of either"),
        Option("--last-failed", None, False, "only the cases that failed in the run before, in this folder"),
        Option("--fail-fast", None, False, "end the run at the first failure of what --require asks for"),
        Option("--watch", None, False, "again whenever a file of a backend is saved"),
        Option("--seed", "N", 0, "other data for every case"),
        Option("--tier", "0..4", 1,
               "0 discriminating, 1 standing, 2 exhaustive grid, 3 random search, 4 full-size layers"),
        Option("--budget", "S", None, "seconds in all, the most telling cases first"),
        Option("--deadline", "S", 10.0, "seconds a call may take, inf for no limit; the first of an op thrice, "
               "loading 6 times (30 at least)"),
        Option("--isolate --no-isolate", None, True, "call backends that are not built in from a child process"),
        Option("--jobs", "N", 1, "processes that share the cases; no more than cores"),
        Option("--scheduler", "ADDRESS", None, "share the cases among the workers of a dask scheduler; local:N starts "
               "N"),
        Option("--sweep", "N", None, "nothing but the first N of 10^9 geometries"),
        Option("--threads", "N", 1, "threads of built-in backends in the grid of tier 2"),
        Option("--shard", "I/N", "1/1", "only part I of N"),
        Option("--xfails", "FILE", None, "known failures, with reasons"),
        Option("--as-of", "VERSION", None, "only the checks of an older suite version"),
        Option("--require", None, Grade.FORM, "what has to be right for exit code 0: numbers, also memory, also form"),
        Option("--diagnose --no-diagnose", None, True, "look for the cause of what fails, by an experiment"),
        _JSON,
        Option("--junit", "FILE", None, "also write JUnit XML"),
        Option("--html", "FILE", None, "also write an HTML page"),
    ],
    "bench": [
        _BACKENDS, _SHAPES, _BATCH, _OPS, _DTYPES,
        Option("--budget", "S", 2.0, "seconds a cell may take; longer ones are skipped, with a prediction"),
        _THREADS, _ALLOCATOR, _RESULTS,
        Option("--asv --no-asv", None, True, "let asv record the run"),
        Option("--scheduler", "ADDRESS", None, "measure on workers of a dask scheduler instead, once on each kind of "
               "machine; asv records none"),
    ],
    "compare": [
        _BACKENDS, _SHAPES, _BATCH, _OPS, _DTYPES,
        Option("--pairs", "N", 30, "interleaved pairs a layer, shared by the processes; fewer for calls that take "
               "seconds"),
        Option("--processes", "N", 3, "fresh processes, which have to agree; with 2 or more, what is unclear is "
               "measured in up to 4 times as many"),
        _THREADS, _ALLOCATOR, _JSON,
        Option("--results", "DIR", None, "also keep what is measured, as a run file in this results folder"),
        Option("--since", "COMMIT", None, "one backend against itself as it was at a commit of this checkout"),
    ],
    "report": [
        Option("--out", "DIR", Path("results/report"), "folder of the report"),
        _RESULTS,
        Option("--machine", "NAME", None, "machine to report on; default: the one measured last"),
    ],
    "diff": [
        Option("", "A", None, "what `check --json`, `compare --json` or `bench` wrote before"),
        Option("", "B", None, "the same kind of file, written later"),
        _JSON,
    ],
    "merge": [
        Option("", "FILE...", None, "what `check --json` wrote, of parts of a run or of several machines; or files of "
               "`bench`"),
        _JSON,
    ],
    "faults": [
        Option("--kinds", "GLOB", None, "only faults of these kinds"),
        Option("--sample", "N", 0, "so many, drawn at random; 0: all"),
        Option("--seed", "N", 0, "draws the random faults, and the sample"),
        Option("--tier", "0|1|3", 1, "0 discriminating, 1 standing, 3 random search as well"),
        Option("--jobs", "N", 1, "processes that share the faults; no more than cores"),
        Option("--diagnose", None, False, "also diagnose each that is seen, and compare what is said with the fault"),
        Option("--budget", "S", None, "seconds for the faults in all"),
        _JSON,
    ],
    "train": [
        _BACKENDS,
        Option("--backend", "BACKEND", None, "the same as BACKEND; all: every registered one, as without any", True),
        Option("--network", "NAME", "small", "small (8x8 pixels) or lenet5 (28x28)"),
        Option("--epochs", "N", None, "passes over the images; 20 if not given, 2 with --quick"),
        Option("--seed", "N", 0, "draws weights, split and batches"),
        Option("--quick", None, False, "less data and fewer epochs: a minute, and too little for a good accuracy"),
        Option("--budget", "S", None, "seconds of training of a backend, then it is stopped; 600 if not given, 60 with "
               "--quick"),
        Option("--time", None, False, "also time an epoch of 60,000 images of 28x28, and hold published claims against "
               "it"),
        _JSON,
        Option("--figure", "FILE", None, "also draw the losses, as .svg or .png"),
    ],
    "explain": [
        Option("", "CHECK|CASE-ID|SPEC|HxW", None, "a check, a case id (also a short one), a spec such as "
               "n1c1h5w5_f1kh3kw3_pt1, or an image such as 5x5 with --kernel"),
        Option("--kernel", "K|KHxKW", None, "of an image HxW"),
        Option("--stride", "S|SHxSW", None, "of an image HxW"),
        Option("--padding", "P|PHxPW|T,B,L,R|NAME", None, "of an image HxW; names are same, valid, full"),
        Option("--dilation", "D|DHxDW", None, "of an image HxW"),
        Option("--images", "N", None, "of size HxW"),
        Option("--channels", "N", None, "of an image HxW"),
        Option("--filters", "N", None, "on an image HxW"),
        Option("--layout", "NAME", "batched", "draw the columns in this layout: batched, matrix, batch_innermost, "
               "rows, matlab"),
        Option("--pool", None, False, "also the windows as pooling sees them"),
        Option("--recognise", "FILE", None, "say in which layout the columns in this .npy file are: what your im2col "
               "gave for x = 1, 2, 3, .. (or 0, 1, 2, ..) of this geometry"),
        Option("--most", "N", 16, "rows, columns and lines that a table or picture has at most"),
        Option("--markdown", "FILE", None, "also write it as Markdown"),
        Option("--html", "FILE", None, "also write a page with a slider"),
    ],
    "list": [
        Option("", "checks|shapes|backends|cases", None, "one of checks, shapes, backends, cases"),
        Option("", "[GLOB]", "", "only those of this name, set or id"),
    ],
    "new": [
        Option("", "NAME", None, "a Python identifier; NAME.py is written here"),
        Option("--library", "LIBRARY", "numpy", "what it computes with: numpy, numba, torch, cupy, jax, triton, c"),
        Option("--force", None, False, "write over files that are there already"),
    ],
}  # fmt: skip
SAID = {
    "backends": "Every registered backend: available or why not, device, versions, claimed ops and dtypes.",
    "check": "Is it right? Runs the conformance suite; without a name, on those of pyproject.toml, or all registered.",
    "bench": "How fast is it? Measures and keeps every cell, lets asv record the run, shows it; continues if "
    "interrupted.\n\nThe times shown are warm. The run file and the page also have those of cold calls, "
    "memory, error and stages.",
    "compare": "Backend against backend: the first named against each of the others, in interleaved pairs.",
    "report": "Results to one self-contained index.html, with every figure as PNG and every table as CSV and Markdown.",
    "diff": "What changed? Newly failing, passing, refused; slower and faster. Exit code 1 if anything fails or is "
    "slower.",
    "merge": "Join what machines found that never saw each other. Times of several machines are shown side by side.",
    "faults": "How strong is the suite? Judges thousands of faulty implementations with it, and lists those that it "
    "misses.",
    "train": "Does a network learn the same on every backend? Trains one on each from the same start; also times an "
    "epoch.",
    "explain": "What happens in a geometry, step by step; or what a check asks, why, and which public bugs it would "
    "have seen.",
    "list": "What there is: checks with what they ask, layers, backends (none is loaded), ids of the standing cases.",
    "new": "A plug-in that passes as it stands: NAME.py to be changed, and test_NAME.py, in the current folder.",
}


def commands() -> dict[str, Any]:
    """The commands as Click has them."""
    group: Any = typer.main.get_command(app.program())
    return dict(group.commands)


def test_the_commands_are_these_in_this_order_and_say_what_they_are_for() -> None:
    assert list(commands()) == list(OPTIONS)
    assert {name: command.help for name, command in commands().items()} == SAID


@pytest.mark.parametrize("name", OPTIONS)
def test_the_options_of_a_command(name: str) -> None:
    found = [
        Option(
            " ".join((*p.opts, *p.secondary_opts)) if p.opts[0].startswith("-") else "", p.metavar, p.default, p.help,
            p.opts[0].startswith("-") and p.multiple,
        )
        for p in commands()[name].params
    ]  # fmt: skip
    assert found == OPTIONS[name]
