// columns (planes, KH, KW, OH, OW) -> x (planes, H, W), planes = N*C, for every kernel size, stride and dilation. A
// gather: one thread sums all windows that read its pixel, (u, v) rising, without atomics.
#include "index.cuh"

extern "C" __global__ void __launch_bounds__(256) col2im_any(
    const SCALAR* __restrict__ columns, SCALAR* __restrict__ x, Index threads, Index W, Divisor by_width,
    Index HW, Divisor by_pixels, Index OH, Index OW, Index top, Index left, Index KH, Index KW,
    Index SH, Divisor by_down, Index SW, Divisor by_across, Index DH, Index DW)
{
    const Index t = (Index)blockIdx.x * 256 + (Index)threadIdx.x;
    if (t >= threads) return;
    const Index plane = divide(t, by_pixels), pixel = t - plane * HW, i = divide(pixel, by_width), j = pixel - i * W;
    const Wide L = (Wide)OH * OW;
    const SCALAR* taps = columns + (Wide)plane * KH * KW * L;
    SCALAR sum = SCALAR(0);
    for (Index u = 0; u < KH; ++u) {
        const Index a = i + top - u * DH;
        if (a < 0) break;
        const Index p = divide(a, by_down);
        if (p * SH != a || p >= OH) continue;
        for (Index v = 0; v < KW; ++v) {
            const Index b = j + left - v * DW;
            if (b < 0) break;
            const Index q = divide(b, by_across);
            if (q * SW == b && q < OW) sum += __ldcs(taps + (Wide)(u * KW + v) * L + (Wide)p * OW + q);
        }
    }
    x[t] = sum;
}
