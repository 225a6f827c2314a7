"""Padding that torch takes, which is symmetric, and padding that it is given ready-made."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from harness import ConvSpec


def symmetric(spec: ConvSpec) -> tuple[int, int] | None:
    """(height, width) padding if both sides agree, else None."""
    top, bottom, left, right = spec.padding
    return (top, left) if (top, left) == (bottom, right) else None


def padded(x: torch.Tensor, spec: ConvSpec) -> tuple[torch.Tensor, tuple[int, int]]:
    """x, padded here if torch cannot, and the padding left to torch."""
    padding = symmetric(spec)
    return (x, padding) if padding is not None else (surrounded(x, spec, 0.0), (0, 0))


def surrounded(x: torch.Tensor, spec: ConvSpec, value: float) -> torch.Tensor:
    """x with its padding, of that value. F.pad takes left, right, top, bottom."""
    top, bottom, left, right = spec.padding
    return F.pad(x, (left, right, top, bottom), value=value)


def crop(padded: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """What of a padded image is no padding, in memory of its own."""
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w].contiguous()
