"""Which checks belong to which version of the suite, so that an older one can still be asked for.

The rule: a new required check appears only with a new suite version (year.number), never within one; `--as-of` plans
the checks that a version had. Mending a check that was wrong, and more geometries for it, need no new version.
"""

from __future__ import annotations

from conformance.cases.case import SelectionError
from conformance.cases.suite_version import SUITE_VERSION

# The first version that has them; every other check is new in the current one.
_SINCE = {
    "2026.11": (
        "contract.shape", "contract.dtype", "values.exact", "values.real", "values.golden", "law.adjoint",
        "law.difference", "law.divisor", "law.lowering", "contract.contiguous", "contract.inputs_untouched",
        "contract.repeatable", "contract.state", "contract.strided_inputs", "contract.nonfinite",
    ),
    "2026.12": (
        "contract.type", "contract.empty_batch", "law.linear", "law.pointwise", "law.dilation", "law.groups",
        "law.padding", "law.stride", "law.shift", "contract.writeable", "contract.no_alias_input",
        "contract.no_alias_previous", "contract.uninitialised", "contract.batch_split", "contract.threads",
        "contract.concurrent", "contract.after_error", "external.onnx", "values.grid", "values.random", "values.layer",
        "contract.large_index", "errors.ndim", "errors.channels", "errors.weight", "errors.bias", "errors.positions",
        "errors.dtype",
    ),
    "2026.13": ("values.strided", "values.domain"),
    "2026.14": ("values.special", "contract.in_place", "contract.many_calls", "contract.bounds", "law.conserved"),
}  # fmt: skip
VERSIONS = (*_SINCE, SUITE_VERSION)


def require(version: str) -> str:
    """The version itself. Raises `SelectionError` if there is none of that name."""
    if version and version not in VERSIONS:
        raise SelectionError(f"--as-of must be among {', '.join(VERSIONS)}, got {version!r}")
    return version


def in_suite(check_id: str, version: str) -> bool:
    """Whether that version of the suite (empty: the current one) has the check."""
    if version in ("", SUITE_VERSION):
        return True
    return any(check_id in ids and first <= version for first, ids in _SINCE.items())
