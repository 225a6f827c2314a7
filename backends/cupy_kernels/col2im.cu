// columns (planes, KH, KW, OH, OW) -> x (planes, H, W); planes = N*C. A gather: one thread sums all windows that read
// its pixel, in the fixed order (u, v), so there are no atomics and every run gives the same bits.
extern "C" __global__ void col2im(
    const SCALAR* __restrict__ columns, SCALAR* __restrict__ x, long long planes, long long H, long long W, long long KH, long long KW,
    long long OH, long long OW, long long SH, long long SW, long long top, long long left, long long DH, long long DW)
{
    const long long L = OH * OW, HW = H * W, total = planes * HW, step = (long long)gridDim.x * blockDim.x;
    for (long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x; t < total; t += step) {
        const long long plane = t / HW, pixel = t - plane * HW, i = pixel / W, j = pixel - i * W;
        const SCALAR* taps = columns + plane * KH * KW * L;
        SCALAR sum = SCALAR(0);
        for (long long u = 0; u < KH; ++u) {
            const long long a = i + top - u * DH, p = a / SH;
            if (a < 0 || p * SH != a || p >= OH) continue;
            for (long long v = 0; v < KW; ++v) {
                const long long b = j + left - v * DW, q = b / SW;
                if (b < 0 || q * SW != b || q >= OW) continue;
                sum += taps[(u * KW + v) * L + p * OW + q];
            }
        }
        x[t] = sum;
    }
}
