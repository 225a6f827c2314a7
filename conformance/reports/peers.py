"""What the suite says of other libraries: the runs that are kept, and the table in the docs.

`python -m conformance.reports.peers` writes the table of results/peers into docs/peers.md; a test compares the two.
`make peers` makes the runs.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from conformance.run.records import BackendReport
from harness.contract.status import Grade, Status
from harness.report.readme import Marks
from harness.results.writing import write_atomically

MARKS = Marks("<!-- peers -->\n", "<!-- /peers -->")
FOLDER, PAGE = Path("results/peers"), Path("docs/peers.md")
VERSIONS = Path("backends/peers/requirements.txt")
_PACKAGES = {
    "jax_lax": "jax", "mlx_cpu": "mlx", "mnn_cpu": "MNN", "ncnn_cpu": "ncnn", "onnx_runtime": "onnxruntime",
    "openvino_cpu": "openvino", "scipy_signal": "scipy", "unfold_nd": "unfoldNd",
}  # fmt: skip


def read(folder: Path = FOLDER) -> list[BackendReport]:
    """The runs, in the order of the names of their files."""
    files = sorted(folder.glob("*.json"))
    return [one for file in files for one in msgspec.json.decode(file.read_bytes(), type=list[BackendReport])]


def markdown(runs: list[BackendReport], versions: str) -> str:
    """One line a library; of each grade how many checks of an op fail, of how many that were run."""
    found = dict(line.partition("==")[::2] for line in versions.splitlines())
    pinned = {name.partition("[")[0]: version for name, version in found.items()}
    lines = [
        "| library | plug-in | domain | verdict | cases | `values` | `safety` | `form` |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for one in runs:
        package = _PACKAGES[one.backend]
        domain = one.domain.words if one.domain else "everything"
        told = (f"{package} {pinned[package]}", f"`{one.backend}`", domain, one.verdict, f"{one.executed:,}")
        lines.append(f"| {' | '.join([*told, *(_failing(one, grade) for grade in Grade)])} |")
    suites = ", ".join(sorted({one.suite_version for one in runs}))
    return "\n".join([*lines, "", f"Suite {suites}, tier 1, float32."]) + "\n"


def _failing(run: BackendReport, grade: Grade) -> str:
    judged = [one for one in run.checks if one.grade is grade and one.executed and not one.optional]
    return f"{sum(one.status is Status.FAIL for one in judged)} of {len(judged)}"


def main() -> None:
    """Write the table into the page. Raises `OSError` and `msgspec.ValidationError`."""
    table = markdown(read(), VERSIONS.read_text(encoding="utf-8"))
    write_atomically(PAGE, MARKS.replaced(PAGE.read_text(encoding="utf-8"), table))


if __name__ == "__main__":
    main()
