// columns (planes, KH, KW, OH, OW) -> x (planes, H, W), planes = N*C, for one kernel size, stride and dilation, known
// when this is compiled. A gather: a thread owns SH x SW pixels, so that every tap belongs to exactly one of them and
// is read exactly once, by neighbouring threads at neighbouring addresses. Sums run over (u, v) in rising order, without
// atomics: every run gives the same bits.
#include "index.cuh"

// Rows of taps whose loads are all under way before the first is added.
constexpr int TOGETHER = KH * KW <= 25 ? KH : 1;

extern "C" __global__ void __launch_bounds__(256) col2im(
    const SCALAR* __restrict__ columns, SCALAR* __restrict__ x, Index threads, Index high, Index wide, Divisor by_wide,
    Divisor by_block, Index OH, Index OW, Index H, Index W, Index top, Index left)
{
    const Index t = (Index)blockIdx.x * 256 + (Index)threadIdx.x;
    if (t >= threads) return;
    const Index plane = divide(t, by_block), b = t - plane * (high * wide), r = divide(b, by_wide);
    // The thread's pixels, counted with the padding: rows SH*k + (0..SH-1), columns SW*m + (0..SW-1).
    const Index k = top / SH + r, m = left / SW + (b - r * wide);
    const Wide L = (Wide)OH * OW;
    const SCALAR* taps = columns + (Wide)plane * (KH * KW) * L;

    SCALAR sum[SH][SW];
#pragma unroll
    for (int a = 0; a < SH; ++a)
#pragma unroll
        for (int c = 0; c < SW; ++c) sum[a][c] = SCALAR(0);
#pragma unroll
    for (int first = 0; first < KH; first += TOGETHER) {
        SCALAR value[TOGETHER][KW];
#pragma unroll
        for (int a = 0; a < TOGETHER; ++a) {
            const int u = first + a;
            const Index p = k - u * DH / SH;
#pragma unroll
            for (int v = 0; v < KW; ++v) {
                const Index q = m - v * DW / SW;
                value[a][v] = within(p, OH) && within(q, OW)
                    ? __ldcs(taps + (u * KW + v) * L + (Wide)p * OW + q) : SCALAR(0);
            }
        }
#pragma unroll
        for (int a = 0; a < TOGETHER; ++a)
#pragma unroll
            for (int v = 0; v < KW; ++v) sum[(first + a) * DH % SH][v * DW % SW] += value[a][v];
    }

    SCALAR* image = x + (Wide)plane * H * W;
#pragma unroll
    for (int a = 0; a < SH; ++a)
#pragma unroll
        for (int c = 0; c < SW; ++c) {
            const Index i = SH * k + a - top, j = SW * m + c - left;
            if (within(i, H) && within(j, W)) image[(Wide)i * W + j] = sum[a][c];
        }
}
