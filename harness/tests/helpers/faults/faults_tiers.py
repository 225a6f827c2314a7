"""Wrong backends that the standing plan lets pass, for the checks of the higher tiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.tests.helpers.faults.faulty import Right, geometry, result

# name -> (backend, check of a higher tier that must see it)
FAULTS: dict[str, tuple[type[Right], str]] = {
    "dilation_lost_on_a_single_row": (
        geometry(lambda s: replace(s, dilation=(1, 1)) if s.input_size[0] == 1 and s.stride == (3, 3) else s),
        "values.grid",
    ),
    "long_strides_cut": (
        geometry(lambda s: replace(s, stride=(min(s.stride[0], 10), s.stride[1])) if s.batch == 3 else s),
        "values.random",
    ),
    "last_rows_missing_in_large_results": (
        result(
            lambda op, s, out, a: np.concatenate([out[..., :-1], 0 * out[..., -1:]], -1) if out.size > 10**5 else out
        ),
        "values.layer",
    ),
    "index_wraps_around": (
        result(lambda op, s, out, a: _wrapped(out, 500_000) if op in ("im2col", "col2im") else out),
        "contract.large_index",
    ),
}


def _wrapped(out: np.ndarray, most: int) -> np.ndarray:
    """As if the flat index of the result had overflowed at `most` instead of 2^31."""
    flat = out.reshape(out.size).copy()
    flat[most:] = 0
    return flat.reshape(out.shape)
