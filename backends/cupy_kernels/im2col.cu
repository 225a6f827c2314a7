// x (planes, H, W) -> columns (planes, KH, KW, OH, OW); planes = N*C. One thread writes one position for every tap,
// so that neighbouring threads write neighbouring addresses. 64-bit indices: columns outgrow 2^31 long before x does.
// SCALAR is defined at compile time; a short name such as T would meet the templates of CUDA's own headers.
// Launched on any 1-D grid: the loop strides over it.
extern "C" __global__ void im2col(
    const SCALAR* __restrict__ x, SCALAR* __restrict__ columns, long long planes, long long H, long long W, long long KH, long long KW,
    long long OH, long long OW, long long SH, long long SW, long long top, long long left, long long DH, long long DW)
{
    const long long L = OH * OW, total = planes * L, step = (long long)gridDim.x * blockDim.x;
    for (long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x; t < total; t += step) {
        const long long plane = t / L, position = t - plane * L, p = position / OW, q = position - p * OW;
        const SCALAR* image = x + plane * H * W;
        SCALAR* out = columns + plane * KH * KW * L + position;
        for (long long u = 0; u < KH; ++u) {
            const long long i = p * SH - top + u * DH;
            for (long long v = 0; v < KW; ++v, out += L) {
                const long long j = q * SW - left + v * DW;
                *out = (i >= 0 && i < H && j >= 0 && j < W) ? image[i * W + j] : SCALAR(0);
            }
        }
    }
}
