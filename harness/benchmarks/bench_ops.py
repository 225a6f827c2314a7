"""One asv benchmark class per op: asv records and keeps history, the harness measures.

`setup_cache` reads the run that `harness bench` has just finished, or measures the quick set itself, so that plain
`asv run` works alone. A `track_` method may return samples; asv then stores median and interval as for any timing.
"""

from harness.timing import asv_bridge


class _Recorded:
    """Parameters, cache and result of one op; asv skips names that begin with an underscore."""

    op = ""
    params = asv_bridge.parameters()
    param_names = ("layer", "dtype", "backend")
    type = "time"
    unit = "seconds"
    version = "1"
    timeout = 120

    def setup_cache(self):
        """All cells of the run, measured or read."""
        return asv_bridge.cells()

    setup_cache.timeout = 1200

    def setup(self, cells, layer, dtype, backend):
        """A cell without a time is skipped, with its reason."""
        cell = cells.get((self.op, dtype, layer, backend))
        if cell is None:
            raise NotImplementedError("not measured in this run")
        if cell.status not in ("ok", "fail"):
            raise NotImplementedError(f"{cell.status}: {cell.reason}")

    def track_seconds(self, cells, layer, dtype, backend):
        """Seconds a call, as samples; a wrong result fails and has no time."""
        cell = cells[self.op, dtype, layer, backend]
        assert cell.status == "ok", cell.reason
        return {"samples": cell.samples, "number": 1}


class Im2col(_Recorded):
    """im2col."""

    op = "im2col"


class Col2im(_Recorded):
    """col2im."""

    op = "col2im"


class Conv2d(_Recorded):
    """conv2d."""

    op = "conv2d"


class Conv2dInputGrad(_Recorded):
    """conv2d_input_grad."""

    op = "conv2d_input_grad"


class Conv2dWeightGrad(_Recorded):
    """conv2d_weight_grad."""

    op = "conv2d_weight_grad"


class Conv2dBiasGrad(_Recorded):
    """conv2d_bias_grad."""

    op = "conv2d_bias_grad"
