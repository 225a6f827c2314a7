// w -> filters (G, K/8, 8 * M), both padded with zeros to whole tiles: the left operand of conv2d.cu. Eight rows k follow
// each other; for tensor cores they are rounded to TF32 and lie in the order of the instruction, 16 rows m at a time, a
// lane's four numbers together (see multiply_tf32.cuh). A thread writes four neighbours, and threads that lie together
// read neighbouring k.
//
// Row k is channel k / (high*wide), and of the taps in use the one k % (high*wide); strides into w say what is a row, a
// channel and a tap, so that input gradients exchange filters and channels and take a subset of taps. If an element is
// infinite or not a number, the flag is raised to the number of the call, unless that is 0.
#include "index.cuh"
#include "ptx.cuh"

extern "C" __global__ void __launch_bounds__(128) pack_filters(
    const SCALAR* __restrict__ w, SCALAR* __restrict__ filters, unsigned long long* flag, unsigned long long call, Wide threads,
    int M, int padded_M, int K, int padded_K, int high, int wide,
    Wide w_group, Wide w_m, Wide w_channel, Wide w_down, Wide w_across)
{
    const Wide thread = (Wide)blockIdx.x * 128 + threadIdx.x;
    if (thread >= threads) return;
    const int rows = (int)(thread / (padded_M * 2)), f = (int)(thread % (padded_M * 2));
    const int group = rows / (padded_K / 8), k0 = rows % (padded_K / 8) * 8;
    bool is_finite = true;
    alignas(16) SCALAR four[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
#ifdef TF32
        const int k = k0 + f % 4 + e / 2 * 4, m = f / 64 * 32 + f % 32 / 4 * 4 + f / 32 % 2 * 2 + e % 2;
#else
        const int k = k0 + f % 8, m = f / 8 * 4 + e;
#endif
        const int channel = k / (high * wide), tap = k % (high * wide);
        SCALAR value = SCALAR(0);
        if (k < K && m < M)
            value = __ldg(w + group * w_group + m * w_m + channel * w_channel + tap / wide * w_down + tap % wide * w_across);
#ifdef TF32
        value = __uint_as_float(to_tf32(value));  // the largest numbers become infinite
#endif
        is_finite = is_finite && value - value == SCALAR(0);
        four[e] = value;
    }
    if (call && !is_finite) atomicMax(flag, call);
    SCALAR* to = filters + (Wide)rows * padded_M * 8;
#ifdef TF32
    to += f * 4;
#else
    to += (Wide)(f % 8) * padded_M + f / 8 * 4;
#endif
#pragma unroll
    for (int e = 0; e < 4; e += 16 / sizeof(SCALAR)) {
        uint4 bits;
        memcpy(&bits, four + e, 16);
        *(uint4*)(to + e) = bits;
    }
}
