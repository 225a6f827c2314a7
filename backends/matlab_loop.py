"""The MATLAB way: column-major (H, W, C, N) arrays inside, a loop over images, patches flattened column-major.

After the loop of L. Araujo dos Santos' "Artificial Intelligence" book: its own forward and backward pass, image by
image, with the canonical layout only at the door. MATLAB's own `col2im(.., 'sliding')` is another operation: it
reshapes a row of pixels into an image and adds nothing up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from harness import ConvSpec
from harness.contract.columns_layouts import COLUMNS_LAYOUTS

numerics = "gemm"


def im2col(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    images = _to_matlab(x)
    columns = np.empty(spec.columns_shape, dtype=x.dtype)
    for n in range(spec.batch):
        columns[n] = _im2col_image(images[:, :, :, n], spec)
    return np.ascontiguousarray(COLUMNS_LAYOUTS["matlab"].to_batched(columns, spec))


def col2im(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    columns = COLUMNS_LAYOUTS["matlab"].from_batched(columns, spec)
    images = np.zeros((*spec.input_size, spec.in_channels, spec.batch), dtype=columns.dtype, order="F")
    for n in range(spec.batch):
        images[:, :, :, n] = _col2im_image(columns[n], spec)
    return _from_matlab(images)


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> np.ndarray:
    """filter_col' (F/G x K) @ im_col (K x L) -> (F/G x L) for every image and group."""
    images, filters = _to_matlab(x), _filter_columns(w, spec)
    im_cols = (_im2col_image(images[:, :, :, n], spec) for n in range(spec.batch))
    return _activations((_products(im_col, filters, b, spec) for im_col in im_cols), x.dtype, spec)


def conv2d_input_grad(dy: np.ndarray, w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """filter_col (K x F/G) @ dout (F/G x L) -> im_col gradient (K x L), folded back, for every image and group."""
    dout, filters = _to_matlab(dy), _filter_columns(w, spec)
    images = np.zeros((*spec.input_size, spec.in_channels, spec.batch), dtype=dy.dtype, order="F")
    columns = np.empty((spec.in_channels * spec.taps, spec.positions), dtype=dy.dtype, order="F")
    for n in range(spec.batch):
        for rows, own in _groups(spec):
            columns[rows] = filters[:, own] @ _row_major_rows(dout[:, :, own, n], spec)
        images[:, :, :, n] = _col2im_image(columns, spec)
    return _from_matlab(images)


def conv2d_weight_grad(dy: np.ndarray, x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """im_col (K x L) @ dout' (L x F/G) -> filter_col gradient (K x F/G), added up image by image."""
    dout, images = _to_matlab(dy), _to_matlab(x)
    gradient = np.zeros((spec.w_shape[1] * spec.taps, spec.out_channels), dtype=dy.dtype, order="F")
    for n in range(spec.batch):
        im_col = _im2col_image(images[:, :, :, n], spec)
        for rows, own in _groups(spec):
            gradient[:, own] += im_col[rows] @ _row_major_rows(dout[:, :, own, n], spec).T
    kh, kw = spec.kernel_size
    return _from_matlab(gradient.reshape(kh, kw, spec.w_shape[1], spec.out_channels, order="F"))


def conv2d_bias_grad(dy: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """sum(sum(sum(dout, 1), 2), 4), as the (F,) of the bias."""
    db: np.ndarray = _to_matlab(dy).sum(axis=0, dtype=dy.dtype).sum(axis=0, dtype=dy.dtype).sum(axis=1, dtype=dy.dtype)
    return db


def stages(op: str, spec: ConvSpec) -> list[tuple[str, Callable[..., object]]]:
    """conv2d stage by stage, for the harness to time them: each stage of all images before the next."""
    if op != "conv2d":
        return []
    images = range(spec.batch)
    return [
        ("reorder", lambda x, w, b: (_to_matlab(x), _filter_columns(w, spec), b)),
        ("im2col", lambda x, w, b: ([_im2col_image(x[:, :, :, n], spec) for n in images], w, b)),
        ("product", lambda im_cols, w, b: ([list(_products(im_col, w, b, spec)) for im_col in im_cols], w.dtype)),
        ("reorder", lambda products, dtype: _activations(products, dtype, spec)),
    ]


def _products(im_col: np.ndarray, filters: np.ndarray, b: np.ndarray | None, spec: ConvSpec) -> Iterator[np.ndarray]:
    """filter_col' (F/G x K) @ im_col (K x L) plus bias, for every group of an image."""
    for rows, own in _groups(spec):
        product = filters[:, own].T @ im_col[rows]
        yield product if b is None else product + b[own, None]


def _activations(products: Iterable[Iterable[np.ndarray]], dtype: np.dtype, spec: ConvSpec) -> np.ndarray:
    """The products (F/G, L) of all images and groups -> (N, F, OH, OW)."""
    activations = np.empty((*spec.output_size, spec.out_channels, spec.batch), dtype=dtype, order="F")
    for n, of_image in enumerate(products):
        for (_, own), product in zip(_groups(spec), of_image, strict=True):
            activations[:, :, own, n] = _row_major_image(product, spec)
    return _from_matlab(activations)


def _im2col_image(image: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(H, W, C) -> (KH*KW*C, L): every patch reshaped column-major into one column, positions row-major."""
    top, bottom, left, right = spec.padding
    image = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    columns = np.empty((spec.in_channels * spec.taps, spec.positions), dtype=image.dtype, order="F")
    for position, patch in enumerate(_patches(image, spec)):
        columns[:, position] = patch.reshape(columns.shape[0], order="F")
    return columns


def _col2im_image(columns: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(KH*KW*C, L) -> (H, W, C): every column reshaped into its patch and added where it came from."""
    padded = np.zeros((*spec.padded_size, spec.in_channels), dtype=columns.dtype, order="F")
    for position, patch in enumerate(_patches(padded, spec)):
        patch += columns[:, position].reshape(patch.shape, order="F")
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[top : top + h, left : left + w]


def _patches(image: np.ndarray, spec: ConvSpec) -> Iterator[np.ndarray]:
    """The (KH, KW, C) windows of a padded image, as views, row by row."""
    (oh, ow), (sh, sw), (rh, rw), (dh, dw) = spec.output_size, spec.stride, spec.reach, spec.dilation
    for p in range(oh):
        for q in range(ow):
            yield image[p * sh : p * sh + rh : dh, q * sw : q * sw + rw : dw]


def _groups(spec: ConvSpec) -> Iterator[tuple[slice, slice]]:
    """(rows of a column, filters) of every group."""
    k, f = spec.in_channels // spec.groups * spec.taps, spec.out_channels // spec.groups
    return ((slice(g * k, (g + 1) * k), slice(g * f, (g + 1) * f)) for g in range(spec.groups))


def _filter_columns(w: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(F, C/G, KH, KW) -> (KH*KW*C/G, F), column-major as the patches are."""
    return _to_matlab(w).reshape(spec.w_shape[1] * spec.taps, spec.out_channels, order="F")


def _row_major_image(rows: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(F, L) -> (OH, OW, F): positions are row-major, unlike everything else here."""
    return rows.T.reshape(*spec.output_size, rows.shape[0])


def _row_major_rows(image: np.ndarray, spec: ConvSpec) -> np.ndarray:
    """(OH, OW, F) -> (F, L)."""
    return image.reshape(spec.positions, image.shape[2]).T


def _to_matlab(a: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> column-major (H, W, C, N)."""
    return np.asfortranarray(a.transpose(2, 3, 1, 0))


def _from_matlab(a: np.ndarray) -> np.ndarray:
    """Column-major (H, W, C, N) -> (N, C, H, W)."""
    return np.ascontiguousarray(a.transpose(3, 2, 0, 1))
