// w -> filters (G, K/8, 8 * M), both padded with zeros to whole tiles: the left operand of conv2d.cu. Eight rows k follow
// each other; for tensor cores they are rounded to TF32 and lie in the order of the instruction, 16 rows m at a time, a
// lane's four numbers together (see multiply_tf32.cuh).
//
// Row k is channel k / (high*wide), and of the taps in use the one k % (high*wide); strides into w say what is a row, a
// channel and a tap, so that input gradients exchange filters and channels and take a subset of taps. The flag, if there
// is one, is raised if an element is infinite or not a number.
#include "index.cuh"
#include "ptx.cuh"

extern "C" __global__ void __launch_bounds__(128) pack_filters(
    const SCALAR* __restrict__ w, SCALAR* __restrict__ filters, int* flag, int has_flag, int M, int padded_M, int K,
    int padded_K, int high, int wide, Wide w_group, Wide w_m, Wide w_channel, Wide w_down, Wide w_across)
{
    const int group = blockIdx.x / (padded_K / 8), k0 = blockIdx.x % (padded_K / 8) * 8;
    for (int e = threadIdx.x; e < padded_M * 8; e += 128) {
#ifdef TF32
        const int lane = e / 4 % 32, i = e / 128;
        const int k = k0 + lane % 4 + e / 2 % 2 * 4, m = i / 2 * 32 + lane / 4 * 4 + i % 2 * 2 + e % 2;
#else
        const int k = k0 + e / padded_M, m = e % padded_M;
#endif
        const int channel = k / (high * wide), tap = k % (high * wide);
        SCALAR value = SCALAR(0);
        if (k < K && m < M)
            value = w[group * w_group + m * w_m + channel * w_channel + tap / wide * w_down + tap % wide * w_across];
        if (has_flag && value - value != SCALAR(0)) *flag = 1;
#ifdef TF32
        value = __uint_as_float(to_tf32(value));
#endif
        filters[(Wide)blockIdx.x * padded_M * 8 + e] = value;
    }
}
