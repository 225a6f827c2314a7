// dw (F/G x K) = dy (F/G x pixels) @ columns of x' (pixels x K), per group: both operands are gathered straight into
// shared memory, a column of BK pixels at a time. The sum runs over all pixels of all images, so it is cut into splits
// that write sums of their own (dw_split apart); sum_splits.cu adds them in a fixed order.
#include "index.cuh"
#include "taps.cuh"
#include "tile.cuh"

// On a multiprocessor at once: as many as have registers without spilling.
#define BLOCKS (BM == 32 ? 3 : 2)

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv2d_weight_grad(
    const SCALAR* __restrict__ dy, const SCALAR* __restrict__ x, SCALAR* __restrict__ dw,
    const TapEntry* __restrict__ table, const int* __restrict__ windows,
    int across, int down, int splits, int tiles, int tiles_a_split,
    int pixels, int positions, Divisor by_positions, int width, Divisor by_width, int rows, int SH, int SW,
    int H, int W, Wide x_image, Wide x_group, int M, int K, Wide dy_image, Wide dw_split)
{
    SHARED_BY_LAUNCH(Stages, stages);
    int block = blockIdx.x;
    const int n0 = block % across * BN;
    block /= across;
    const int m0 = block % down * BM;
    block /= down;
    const int split = block % splits, group = block / splits;
    const int first = split * tiles_a_split, own_tiles = min(tiles_a_split, tiles - first);

    // Neighbouring threads take neighbouring pixels, two rows of dy (of taps) a warp.
    const int s = threadIdx.x % BK, row = threadIdx.x / BK;
    constexpr int ROWS = THREADS / BK;
    const SCALAR* own_x = x + group * x_group;
    const SCALAR* own_dy = dy + (Wide)(group * M + m0) * positions;

    Product product;
    run(product, stages, own_tiles, [&](SCALAR* a, SCALAR* b, int tile) {
        const int pixel = (first + tile) * BK + s;
        const bool exists = pixel < pixels;
        Window window = no_window();
        const SCALAR *slopes = own_dy + (Wide)row * positions, *origin = own_x;
        if (exists) {
            const int image = divide(pixel, by_positions), l = pixel - image * positions, p = divide(l, by_width);
            const int q = l - p * width, i = p * SH, j = q * SW;
            window = window_at(windows, p, q, rows, i, j);
            slopes += image * dy_image + l;
            origin += image * x_image + (Wide)i * W + j;
        }
#pragma unroll
        for (int i = 0; i < BM / ROWS; ++i, slopes += (Wide)ROWS * positions)
            copy_async(a + slot(s, i * ROWS + row, BM), slopes, exists && m0 + i * ROWS + row < M);
#pragma unroll
        for (int i = 0; i < BN / ROWS; ++i) {
            const int n = i * ROWS + row;
            const Tap tap = tap_at(table, n0 + n);
            copy_async(b + slot(s, n, BN), origin + tap.offset, reaches(window, tap, H, W));
        }
    });

    SCALAR* out = dw + split * dw_split + (Wide)group * M * K;
    product.each([&](int m, int n, const Four& result) {
#pragma unroll
        for (int e = 0; e < 4; ++e)
            if (m0 + m < M && n0 + n + e < K) out[(Wide)(m0 + m) * K + n0 + n + e] = result.at[e];
    });
}
