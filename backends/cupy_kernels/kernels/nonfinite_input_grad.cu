// dx (planes, H, W) once more, by its definition, if the flag was raised in this call (or in one that runs beside it):
// a filter is infinite or not a number. Else nothing. Implicit GEMM multiplies such a filter by the zeros that stand for windows beyond the border, and would make
// NaN of pixels that never meet it. Here what no window reads is left out.
#include "index.cuh"

extern "C" __global__ void __launch_bounds__(128, 8) nonfinite_input_grad(
    const unsigned long long* __restrict__ flag, unsigned long long call, const SCALAR* __restrict__ dy, const SCALAR* __restrict__ w, SCALAR* __restrict__ dx,
    Wide size, int groups, int channels, int filters, int H, int W, int OH, int OW, int KH, int KW, int SH, int SW,
    int top, int left, int DH, int DW)
{
    if (*flag < call) return;
    for (Wide t = (Wide)blockIdx.x * 128 + threadIdx.x; t < size; t += (Wide)gridDim.x * 128) {
        const int j = (int)(t % W), i = (int)(t / W % H), c = (int)(t / W / H % channels);
        const Wide group = t / W / H / channels;  // of all images
        SCALAR sum = SCALAR(0);
        for (int f = 0; f < filters; ++f)
            for (int u = 0; u < KH; ++u)
                for (int v = 0; v < KW; ++v) {
                    const int a = i + top - u * DH, b = j + left - v * DW, p = a / SH, q = b / SW;
                    if (a < 0 || b < 0 || p * SH != a || q * SW != b || p >= OH || q >= OW) continue;
                    const SCALAR tap = __ldg(w + (((group % groups * filters + f) * channels + c) * KH + u) * KW + v);
                    sum += __ldg(dy + ((group * filters + f) * OH + p) * OW + q) * tap;
                }
        dx[t] = sum;
    }
}
