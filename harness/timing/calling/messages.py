"""What the parent asks of a measuring child, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from harness.contract.targets import Target
from harness.geometry.spec import Op
from harness.results.records import BackendFacts, Ceilings, StageTime
from harness.timing.memory_use import MemoryUse


class Load(Struct, frozen=True, tag_field="kind", tag=True):
    """Load one backend; answered by `BackendFacts`."""

    target: Target


class MeasureCpu(Struct, frozen=True, tag_field="kind", tag=True):
    """Answered by the `Ceilings` of the CPU."""

    threads: int
    allocator: str


class MeasureDevice(Struct, frozen=True, tag_field="kind", tag=True):
    """Answered by the `Ceilings` of a backend's own device, if it measures them."""

    backend: str
    threads: int
    allocator: str


class MeasureProduct(Struct, frozen=True, tag_field="kind", tag=True):
    """How fast a backend multiplies, on layers that suit it; answered by `Products`."""

    target: Target
    dtypes: list[str]


class Predict(Struct, frozen=True, tag_field="kind", tag=True):
    """How long will a call take, and is there one? Answered by `Predicted`, or by `Raised`."""

    backend: str
    op: Op
    spec: str
    dtype: str
    budget: float  # seconds of a call, above which a prediction is made with more care


class Hold(Struct, frozen=True, tag_field="kind", tag=True):
    """Keep these sets of inputs, one after the other among the arrays, in the place of those before.

    Those after the first `timed` are for a single call each.
    """

    op: Op
    spec: str
    sets: int
    timed: int


class MeasureMemory(Struct, frozen=True, tag_field="kind", tag=True):
    """How much memory does a call take at its peak? Answered by `MemoryUse`."""

    backend: str


class MakeOwn(Struct, frozen=True, tag_field="kind", tag=True):
    """Make arrays of the backend's own of all sets; answered by `Own`. `by_device`: by its own clock."""

    backend: str
    by_device: bool


class CallOnce(Struct, frozen=True, tag_field="kind", tag=True):
    """One call on a set; answered by `Called` with the result. With `warm_up` calls go on until compiling is over."""

    backend: str
    which: int
    warm_up: float = 0.0  # seconds at most
    predicted: float = 0.0


class Calibrate(Struct, frozen=True, tag_field="kind", tag=True):
    """About how long does a call take? Answered by `Estimate`."""

    backend: str


class MakeReady(Struct, frozen=True, tag_field="kind", tag=True):
    """Change the held inputs (four arrays: sets, arguments, places, values), and warm up with a call, if asked.

    Answered by `Estimate`, of that call. `negated` are arrays, as (set, argument); `renewed` are sets of a device that
    are made anew.
    """

    backend: str
    turn: int
    negated: list[tuple[int, int]]
    renewed: list[int]
    warm_up: bool


class Block(Struct, frozen=True, tag_field="kind", tag=True):
    """So many calls in turn; before each an element is changed (three arrays: argument, place, value of each call).

    Answered by `Timed`. `looks` elements of the result that is kept are told at once.
    """

    backend: str
    turn: int
    calls: int
    looks: int


class PassOthers(Struct, frozen=True, tag_field="kind", tag=True):
    """Let so many bytes of other data go through the caches."""

    size: int


class MeasureStages(Struct, frozen=True, tag_field="kind", tag=True):
    """How long does each stage of a call take? Answered by `Stages`, with the result of the last."""

    backend: str


class Settle(Struct, frozen=True, tag_field="kind", tag=True):
    """Forget the kept result; if it is `wanted`, `Kept` with the result comes first."""

    backend: str
    wanted: bool


class Digest(Struct, frozen=True, tag_field="kind", tag=True):
    """Checksums of the arrays of a held set, as the backends have left them; answered by `Digests`."""

    which: int


class Drop(Struct, frozen=True, tag_field="kind", tag=True):
    """Forget all inputs and results."""


class Predicted(Struct, frozen=True, tag_field="kind", tag=True):
    """Seconds of a call, or why it is refused; how long the first of all took, and whether it was the first."""

    native: bool
    refused: str | None = None
    seconds: float = 0.0
    first: float | None = None
    is_first: bool = False


class Own(Struct, frozen=True, tag_field="kind", tag=True):
    """How many sets the backend has, the least time that making one took, and whether it has a clock of its own."""

    sets: int
    seconds: float
    shares: bool  # whether they lie in the memory of the held ones
    by_device: bool


class Called(Struct, frozen=True, tag_field="kind", tag=True):
    """Seconds of the call, and of `to_numpy` of what it made; the result comes with it if it is an array of numbers."""

    seconds: float
    to_numpy_seconds: float
    result: str  # the name of its type


class Estimate(Struct, frozen=True, tag_field="kind", tag=True):
    """Seconds of a call."""

    seconds: float


class Timed(Struct, frozen=True, tag_field="kind", tag=True):
    """Seconds of all calls of a block together, and the number of the call whose result was kept."""

    seconds: float
    kept: int


class Kept(Struct, frozen=True, tag_field="kind", tag=True):
    """The result that was kept comes with it if it is an array of numbers."""

    result: str  # the name of its type


class Stages(Struct, frozen=True, tag_field="kind", tag=True):
    """None, if the backend tells none."""

    stages: list[StageTime]
    result: str  # the name of its type


class Digests(Struct, frozen=True, tag_field="kind", tag=True):
    """One of each array."""

    values: list[int]


class Products(Struct, frozen=True, tag_field="kind", tag=True):
    """GFLOP/s by dtype."""

    gflops: dict[str, float]


class Raised(Struct, frozen=True, tag_field="kind", tag=True):
    """What the backend raised, in one line."""

    error: str
    native: bool = False


Requests = (
    Load | MeasureCpu | MeasureDevice | MeasureProduct | Predict | Hold | MeasureMemory | MakeOwn | CallOnce | Calibrate
    | MakeReady | PassOthers | Block | MeasureStages | Settle | Digest | Drop
)  # fmt: skip
Replies = (
    BackendFacts | Ceilings | Products | Predicted | MemoryUse | Own | Called | Estimate | Timed | Kept | Stages
    | Digests | Raised
)  # fmt: skip
