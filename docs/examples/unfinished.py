"""A plug-in with a known failure: its columns come in Fortran order, and the contract wants C order.

    harness check docs/examples/unfinished.py                                              # fails
    harness check docs/examples/unfinished.py --xfails docs/examples/known-failures.txt    # passes

The list gives a reason for every known failure. A failure that is mended and still listed is as loud as a new one.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import smallest

col2im = smallest.col2im


def im2col(x, spec):
    return np.asfortranarray(smallest.im2col(x, spec))
