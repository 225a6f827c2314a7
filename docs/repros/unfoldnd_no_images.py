"""unfoldNd 0.2.3: no images raise; torch gives no columns."""

import torch
import unfoldNd
from torch.nn import functional

x = torch.zeros(0, 2, 5, 5)
print("torch:", tuple(functional.unfold(x, 3).shape))
try:
    print("unfoldNd:", tuple(unfoldNd.unfoldNd(x, 3).shape))
except RuntimeError as error:
    print("unfoldNd:", error)
