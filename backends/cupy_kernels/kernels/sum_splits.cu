// parts (splits, size) -> total (size), summed in the order of the splits: the same bits on every run.
#include "index.cuh"

extern "C" __global__ void __launch_bounds__(256) sum_splits(
    const SCALAR* __restrict__ parts, SCALAR* __restrict__ total, int splits, Wide size)
{
    const Wide i = (Wide)blockIdx.x * 256 + threadIdx.x;
    if (i >= size) return;
    SCALAR sum = __ldcs(parts + i);
    for (int split = 1; split < splits; ++split) sum += __ldcs(parts + i + split * size);
    total[i] = sum;
}
