"""unfoldNd 0.2.3: a NaN pixel reaches every window of its plane, Inf as well; no images raise. torch does neither."""

import torch
import unfoldNd
from torch.nn import functional

x = torch.zeros(1, 2, 5, 5)
x[0, 0, 2, 2] = torch.nan
for name, unfold in (("torch", functional.unfold), ("unfoldNd", unfoldNd.unfoldNd)):
    print(f"{name}: one NaN pixel is in 9 windows; {int(torch.isnan(unfold(x, 3)).sum())} column entries are NaN")
    try:
        print(f"{name}: no images give", tuple(unfold(x[:0], 3).shape))
    except RuntimeError as error:
        print(f"{name}: no images:", error)
