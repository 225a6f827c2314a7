// x (planes, H, W) -> columns (planes, KH, KW, OH, OW), planes = N*C, for one kernel size, stride and dilation, known
// when this is compiled. A thread writes VEC neighbouring positions for all taps: it reads each row segment once into
// registers, and its KH*KW stores are independent, 16 bytes wide where VEC says so, and leave the cache to x.
#include "index.cuh"
#include "pack.cuh"

#define SEGMENT ((VEC - 1) * SW + (KW - 1) * DW + 1)
constexpr int AT_ONCE = KH <= 7 ? KH : 1;  // rows of taps; the loads of more would want too many registers

extern "C" __global__ void __launch_bounds__(256) im2col(
    const SCALAR* __restrict__ x, SCALAR* __restrict__ columns, Index threads, Index packs, Divisor by_packs,
    Index OW, Divisor by_width, Index L, Index H, Index W, Index top, Index left)
{
    const Index t = (Index)blockIdx.x * 256 + (Index)threadIdx.x;
    if (t >= threads) return;
    const Index plane = divide(t, by_packs), l = (t - plane * packs) * VEC, p = divide(l, by_width), q = l - p * OW;
    const SCALAR* image = x + (Wide)plane * H * W;
    SCALAR* out = columns + (Wide)plane * (KH * KW) * L + l;

    if (q + VEC <= OW) {  // all positions lie in one row
        const Index i0 = p * SH - top, j0 = q * SW - left;
#pragma unroll AT_ONCE
        for (int u = 0; u < KH; ++u) {
            const Index i = i0 + u * DH;
            const bool row = within(i, H);
            SCALAR segment[SEGMENT];  // what no tap reads is never loaded
#pragma unroll
            for (int s = 0; s < SEGMENT; ++s)
                segment[s] = row && within(j0 + s, W) ? __ldg(image + (Wide)i * W + (j0 + s)) : SCALAR(0);
#pragma unroll
            for (int v = 0; v < KW; ++v) {
                Pack pack;
#pragma unroll
                for (int e = 0; e < VEC; ++e) pack.at[e] = segment[v * DW + e * SW];
                store_streaming(out + (Wide)(u * KW + v) * L, pack);
            }
        }
    } else {  // a row ends among them
        Index i0[VEC], j0[VEC];
#pragma unroll
        for (int e = 0; e < VEC; ++e) {
            const Index pe = divide(l + e, by_width);
            i0[e] = pe * SH - top;
            j0[e] = (l + e - pe * OW) * SW - left;
        }
        for (int u = 0; u < KH; ++u)
            for (int v = 0; v < KW; ++v) {
                Pack pack;
#pragma unroll
                for (int e = 0; e < VEC; ++e) {
                    const Index i = i0[e] + u * DH, j = j0[e] + v * DW;
                    pack.at[e] = within(i, H) && within(j, W) ? __ldg(image + (Wide)i * W + j) : SCALAR(0);
                }
                store_streaming(out + (Wide)(u * KW + v) * L, pack);
            }
    }
}
