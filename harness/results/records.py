"""What is kept of a measurement, as typed records: one line of a run file each, and the document of a comparison.

A record that was written by an older version lacks the newer fields; their defaults are what was true then.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from harness.contract.status import CellStatus, Speed
from harness.geometry.spec import Op

SCHEMA = 1
Seconds = Annotated[float, Meta(ge=1e-12, le=1e9)]  # of a call: more than a picosecond, less than thirty years
Rate = Annotated[float, Meta(gt=0, le=1e12)]  # GB/s or GFLOP/s
Count = Annotated[int, Meta(ge=0, lt=2**53)]  # as far as every reader of JSON counts
Threads = Annotated[int, Meta(ge=1, le=2**20)]


class Code(Struct, frozen=True, kw_only=True):
    """The state of the code: commit, whether anything outside results/ differs from it, a checksum of what does."""

    commit: str = ""
    dirty: bool = False
    changes: str = ""


class Machine(Struct, frozen=True, kw_only=True):
    """What machine this is and what runs on it; `name` is the folder of its results."""

    name: str
    cpu: str
    cores: int
    hardware_threads: int
    caches: dict[str, str]
    memory_gib: float
    os: str
    python: str
    versions: dict[str, str]
    code: Code


class Blas(Struct, frozen=True, kw_only=True):
    """A BLAS library that is loaded, and the kernel that it picked."""

    library: str
    version: str
    file: str
    kernel: str
    threads: str


class PlanRecord(Struct, frozen=True, kw_only=True):
    """What a run was to measure; equal plans are equal records, and an unfinished run of an equal plan continues."""

    shapes: str
    layers: list[str]
    specs: list[str] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)  # how often the network has each layer; 0 if that is not known
    ops: list[Op]
    dtypes: list[str]
    backends: list[str]  # targets as typed
    threads: Threads
    allocator: str
    budget: float
    rounds: int
    batch: int | None = None


class RunHeader(Struct, frozen=True, kw_only=True, tag_field="kind", tag="run"):
    """The first line of a run file."""

    schema: int
    run: str
    started: str = ""
    plan: PlanRecord
    machine: Machine
    code: Code


class BackendFacts(Struct, frozen=True, kw_only=True, tag_field="kind", tag="backend"):
    """One backend as the measuring child found it."""

    backend: str
    target: str
    available: bool
    reason: str = ""
    info: dict[str, str] = field(default_factory=dict)
    numerics: str | None = None
    native: list[str] = field(default_factory=list)
    load_seconds: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    unnamed_libraries: list[str] = field(default_factory=list)  # that its process has loaded, and that it does not name


class Ceilings(Struct, frozen=True, kw_only=True, tag_field="kind", tag="ceilings"):
    """Best copy (read plus write, GB/s) and matrix product (GFLOP/s): the CPU's, or those of a backend's own device.

    Empty, with a `reason`, where they could not be measured.
    """

    threads: Threads
    allocator: str
    backend: str = ""  # whose device; empty: the CPU
    device: str = ""
    copy_gbs: dict[str, Rate] = field(default_factory=dict)
    copy_bytes: dict[str, Count] = field(default_factory=dict)
    matmul_gflops: dict[str, Rate] = field(default_factory=dict)
    matmul_by: dict[str, str] = field(default_factory=dict)  # whose product that was: "numpy", or a built-in backend's
    blas: list[Blas] = field(default_factory=list)
    reason: str = ""


class StageTime(Struct, frozen=True, kw_only=True):
    """A stage of an op, by the backend's own name for it, and how long it took by itself."""

    name: str
    seconds: Seconds


class Cell(Struct, frozen=True, kw_only=True, tag_field="kind", tag="cell"):
    """One backend, op, dtype and layer: seconds a call as samples, or why there is no time."""

    run: str
    group: str
    op: Op
    dtype: str
    layer: str
    spec: str
    threads: Threads
    allocator: str
    machine: str
    commit: str
    backend: str
    status: CellStatus
    reason: str = ""
    native: bool = False
    predicted_seconds: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    checked_points: Count = 0
    first_seconds: Seconds | None = None
    first_in_process: bool = False
    process: Count = 0  # which of the processes that measured it in turn
    samples: list[Seconds] = field(default_factory=list)
    repetitions: Count = 0
    cold_samples: list[Seconds] = field(default_factory=list)  # of calls that found nothing of theirs in the caches
    cold_bytes: Count = 0  # of other data that went through the caches before each of these
    stages: list[StageTime] = field(default_factory=list)  # of a warm call, if the backend tells them
    peak_bytes: Count | None = None  # NumPy's allocations at the peak of a call, what it keeps included
    resident_bytes: Count | None = None  # memory of the process at the peak of a call
    error_in_bounds: Annotated[float, Meta(ge=0, le=1e300)] | None = None  # of real numbers, by the bound of plain sums
    cpu_ratio: Annotated[float, Meta(ge=0, le=1e6)] | None = None  # CPU time of its process over the time of its blocks


class RunEnd(Struct, frozen=True, kw_only=True, tag_field="kind", tag="end"):
    """The last line of a run file: everything that was planned is in it.

    Seconds of the last session: of the blocks that were timed, with the calls that warm up; of all that is code of the
    backends, to load them and to try them first included; and of all. What is left of these is the harness's own.
    """

    run: str
    measured_seconds: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    calls_seconds: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    wall_seconds: Annotated[float, Meta(ge=0, le=1e9)] | None = None


Line = RunHeader | BackendFacts | Ceilings | Cell | RunEnd


class ComparisonRow(Struct, frozen=True, kw_only=True):
    """One op, dtype, layer and pair: ratio = time of a / time of b, so below 1 a is faster; None without both times.

    `reason` says why there is no ratio, or no clear verdict. A document older than `verdict` has none.
    """

    op: Op
    dtype: str
    shape: str
    spec: str
    a: str
    b: str
    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    a_seconds: float | None
    b_seconds: float | None
    checked_points: int
    status: CellStatus
    reason: str
    a_share: float | None = None
    a_bound: str | None = None
    b_share: float | None = None
    b_bound: str | None = None
    verdict: Speed | None = None
    processes: int = 1


class ComparisonMean(Struct, frozen=True, kw_only=True):
    """Geometric mean of the ratios of one op, dtype and pair, over the layers that both have a time for."""

    op: Op
    dtype: str
    a: str
    b: str
    ratio: float | None
    layers: int


class Unmeasured(Struct, frozen=True, kw_only=True):
    """One op, dtype and layer of a comparison that was interrupted before all of its rows were there."""

    op: Op
    dtype: str
    shape: str
    spec: str


class Comparison(Struct, frozen=True, kw_only=True):
    """The document of `harness compare --json`; `partial` if it was interrupted, with all that it then lacks.

    `noise_floor` is a fraction, from the rows of the first backend `against_itself`.
    """

    schema: int
    machine: Machine
    threads: int
    allocator: str
    ceilings: list[Ceilings] = field(default_factory=list)
    rows: list[ComparisonRow]
    geomean: list[ComparisonMean]
    partial: bool = False
    missing: list[Unmeasured] = field(default_factory=list)
    noise_floor: float | None = None
    against_itself: list[ComparisonRow] = field(default_factory=list)
