"""What can go wrong between a network and the backend that it runs on."""

from __future__ import annotations


class NetworkError(ValueError):
    """Arrays or layers that do not fit together; the text has the rule and both values."""


class OpFailed(RuntimeError):
    """An op raised, or its result has not the shape or dtype that it must have; the text names the op."""


class OpRefused(RuntimeError):
    """The backend says that it does not do this op on this geometry; the text has its reason."""
