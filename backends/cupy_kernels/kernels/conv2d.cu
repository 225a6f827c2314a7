// y (N, F, ..) = filters (F x K) @ columns of x (K x pixels), K = C/G*KH*KW, without a column in memory: the block
// gathers its tile of columns straight from x into shared memory, zeros for padding included. A pixel is an image and
// a position; a thread gathers one of them for every k. With -DPOINTWISE the columns are x itself (one tap, stride 1, no
// padding), and a thread copies 16 bytes of neighbouring pixels for every few k.
//
// It also computes input gradients: dy takes the place of x, one residue of pixels modulo the stride that of the
// positions, and y_row, y_column say where its pixels lie. With several splits of K, each writes sums of its own
// (y_split apart) and sum_splits.cu adds them in a fixed order.
#define A_IS_PACKED
#include "index.cuh"
#include "taps.cuh"
#include "tile.cuh"

// On a multiprocessor at once: as many as have registers without spilling.
#define BLOCKS (BM == 128 || sizeof(SCALAR) == 8 ? 2 : BM == 64 ? 3 : 4)

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) conv2d(
    const SCALAR* __restrict__ x, const SCALAR* __restrict__ filters, const SCALAR* __restrict__ bias,
    SCALAR* __restrict__ y, const TapEntry* __restrict__ table, const int* __restrict__ windows,
    int has_bias, int has_wide_rows, int across, int down, int splits, int tiles, int tiles_a_split,
    int pixels, int positions, Divisor by_positions, int width, Divisor by_width, int rows, int SH, int SW,
    int H, int W, Wide x_image, Wide x_group, int M, int padded_M, int K,
    Wide y_image, Wide y_group, Wide y_filter, Wide y_row, Wide y_column, Wide y_split)
{
    SHARED_BY_LAUNCH(Stages, stages);
    int block = blockIdx.x;  // blocks that share pixels run together: x comes from memory once
    const int m0 = block % down * BM;
    block /= down;
    const int n0 = block % across * BN;
    block /= across;
    const int split = block % splits, group = block / splits;
    const int first = split * tiles_a_split, own_tiles = min(tiles_a_split, tiles - first);

    constexpr int WORDS = 16 / sizeof(SCALAR);
    const int tid = threadIdx.x;
    const SCALAR* origin = x + group * x_group;
#ifdef POINTWISE
    constexpr int LANES = BN / WORDS, ROWS = THREADS / LANES;
    const int own = tid % LANES * WORDS, pixel = n0 + own;
    if (pixel < pixels) {  // beyond them the first ones are read, and not stored
        const int image = divide(pixel, by_positions);
        origin += image * x_image + (pixel - image * positions);
    }
    auto gather = [&](SCALAR* b, int k0) {
#pragma unroll
        for (int i = 0; i < BK / ROWS; ++i) {
            const int k = i * ROWS + tid / LANES;
            copy_async_16(b + slot(k, own, BN), origin + (Wide)(k0 + k) * positions, k0 + k < K);
        }
    };
#else
    const int pixel = n0 + tid;
    Window window = no_window();
    if (pixel < pixels) {
        const int image = divide(pixel, by_positions), l = pixel - image * positions, p = divide(l, by_width);
        const int q = l - p * width, i = p * SH, j = q * SW;
        window = window_at(windows, p, q, rows, i, j);
        origin += image * x_image + (Wide)i * W + j;
    }
    auto gather = [&](SCALAR* b, int k0) {
        prefetch(table + k0 + BK);  // of the next tile; the entries of this one are needed at once
#pragma unroll
        for (int k = 0; k < BK; ++k) {
            const Tap tap = tap_at(table, k0 + k);
            copy_async(b + slot(k, tid, BN), origin + tap.offset, reaches(window, tap, H, W));
        }
    };
#endif
    const SCALAR* own_filters = filters + (Wide)group * tiles * BK * padded_M;

    Product product;
    run(product, stages, own_tiles, [&](SCALAR* a, SCALAR* b, int tile) {
        const int k0 = (first + tile) * BK;
#pragma unroll
        for (int i = 0; i < BK * BM / WORDS / THREADS; ++i) {
            const int e = (i * THREADS + tid) * WORDS;
#ifdef TF32
            const int k = e / (BM * 8) * 8;  // eight rows of the block's filters lie together
            copy_async_16(a + e, own_filters + (Wide)(k0 + k) * padded_M + m0 * 8 + e % (BM * 8), true);
#else
            const int k = e / BM, m = e % BM;
            copy_async_16(a + slot(k, m, BM), own_filters + (Wide)(k0 + k) * padded_M + m0 + m, true);
#endif
        }
        gather(b, k0);
    });

    SCALAR* out = y + group * y_group + split * y_split;
    product.each([&](int m, int n, const Four& result) {
        m += m0, n += n0;
        if (m >= M) return;
        const SCALAR more = has_bias && split == 0 ? __ldg(bias + group * M + m) : SCALAR(0);
        SCALAR* row = out + m * y_filter;
        if (has_wide_rows) {  // four pixels lie together, and all or none exist
            if (n >= pixels) return;
            const int image = divide(n, by_positions), l = n - image * positions, p = divide(l, by_width);
            Four sum;
#pragma unroll
            for (int e = 0; e < 4; ++e) sum.at[e] = result.at[e] + more;
            *(Four*)(row + image * y_image + p * y_row + (l - p * width)) = sum;
            return;
        }
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            if (n + e >= pixels) return;
            const int image = divide(n + e, by_positions), l = n + e - image * positions, p = divide(l, by_width);
            row[image * y_image + p * y_row + (l - p * width) * y_column] = result.at[e] + more;
        }
    });
}
