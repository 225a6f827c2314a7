// x (planes, H, W) -> columns (planes, KH, KW, OH, OW), planes = N*C, for every kernel size, stride and dilation. A
// thread writes one position for all taps, so that neighbouring threads write neighbouring addresses.
#include "index.cuh"

extern "C" __global__ void __launch_bounds__(256) im2col_any(
    const SCALAR* __restrict__ x, SCALAR* __restrict__ columns, Index threads, Index OW, Divisor by_width,
    Index L, Divisor by_positions, Index H, Index W, Index top, Index left, Index KH, Index KW, Index SH, Index SW,
    Index DH, Index DW)
{
    const Index t = (Index)blockIdx.x * 256 + (Index)threadIdx.x;
    if (t >= threads) return;
    const Index plane = divide(t, by_positions), l = t - plane * L, p = divide(l, by_width), q = l - p * OW;
    const SCALAR* image = x + (Wide)plane * H * W;
    SCALAR* out = columns + (Wide)plane * KH * KW * L + l;
    for (Index u = 0; u < KH; ++u) {
        const Index i = p * SH - top + u * DH;
        const bool row = within(i, H);
        for (Index v = 0; v < KW; ++v, out += L) {
            const Index j = q * SW - left + v * DW;
            *out = row && within(j, W) ? __ldg(image + (Wide)i * W + j) : SCALAR(0);
        }
    }
}
