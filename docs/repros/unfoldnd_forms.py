"""unfoldNd 0.2.3: no images raise, where torch gives no columns; what is folded with padding is not contiguous."""

import torch
import unfoldNd
from torch.nn import functional

x = torch.zeros(0, 2, 5, 5)
print("torch:", tuple(functional.unfold(x, 3).shape))
try:
    print("unfoldNd:", tuple(unfoldNd.unfoldNd(x, 3).shape))
except RuntimeError as error:
    print("unfoldNd:", error)

columns = torch.ones(3, 1, 25)
for name, fold in (("torch", functional.fold), ("unfoldNd", unfoldNd.foldNd)):
    image = fold(columns, (3, 3), 1, padding=1)
    print(f"{name}: {tuple(image.shape)}, strides {image.stride()}, contiguous: {image.is_contiguous()}")
