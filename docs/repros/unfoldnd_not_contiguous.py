"""unfoldNd: what is folded with padding is not contiguous, as torch's fold is. Exits with 1 where that shows."""

import sys
from importlib.metadata import version

import torch
import unfoldNd
from torch.nn import functional

print("unfoldNd", version("unfoldNd"), "torch", torch.__version__)
columns, contiguous = torch.ones(3, 1, 25), {}
for name, fold in (("torch", functional.fold), ("unfoldNd", unfoldNd.foldNd)):
    image = fold(columns, (3, 3), 1, padding=1)
    contiguous[name] = image.is_contiguous()
    print(f"{name}: {tuple(image.shape)}, strides {image.stride()}, contiguous: {image.is_contiguous()}")
sys.exit(contiguous["torch"] and not contiguous["unfoldNd"])
