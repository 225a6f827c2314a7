"""unfoldNd: a batch of no images raises, where torch gives no columns and no images. Exits with 1 where that shows."""

import sys
from importlib.metadata import version

import torch
import unfoldNd
from torch.nn import functional

print("unfoldNd", version("unfoldNd"), "torch", torch.__version__)
wrong = False
calls = {
    "unfold": (functional.unfold, unfoldNd.unfoldNd, torch.zeros(0, 2, 5, 5), (3,)),
    "fold": (functional.fold, unfoldNd.foldNd, torch.zeros(0, 18, 9), ((5, 5), 3)),
}
for name, (of_torch, of_unfoldnd, a, sizes) in calls.items():
    print(f"{name}, torch:    {tuple(of_torch(a, *sizes).shape)}")
    try:
        print(f"{name}, unfoldNd: {tuple(of_unfoldnd(a, *sizes).shape)}")
    except RuntimeError as error:
        print(f"{name}, unfoldNd: {error}")
        wrong = True
sys.exit(wrong)
