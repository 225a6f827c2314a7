"""The MATLAB language itself: an octave-cli that stays, is asked call by call, and runs the loops of `matlab/*.m`.

Its threads are those of its BLAS, as OMP_NUM_THREADS and its kin say when it starts; nothing changes them later.
"""

from __future__ import annotations

import shutil
from functools import lru_cache

import numpy as np

from harness import BackendUnavailable, ConvSpec

from .ops import OctaveLoop
from .program import Octave, OctaveError

INSTALL = "apt-get install --no-install-recommends octave libopenblas0-pthread"


def octave_loop() -> OctaveLoop:
    """The backend of that name, on the octave-cli of PATH: one process, whoever asks.

    Raises `BackendUnavailable` where there is none, or where it does not compute.
    """
    program = shutil.which("octave-cli")
    if program is None:
        raise BackendUnavailable(f"octave-cli is not on PATH: {INSTALL}")
    return OctaveLoop(_octave(program))


@lru_cache(maxsize=1)
def _octave(program: str) -> Octave:
    octave = Octave(program)
    pixel = ConvSpec.of(batch=1, in_channels=1, input_size=1, out_channels=1, kernel_size=1)
    try:
        octave.call("im2col", pixel, (np.ones((1, 1, 1, 1)),))
    except (OctaveError, OSError) as error:
        octave.close()
        raise BackendUnavailable(f"{program} does not work: {error}") from error
    return octave
