// Index types and division. 32-bit indices and no division instruction, unless -DWIDE says that one plane is so large
// (2^29 positions or more) that sums of a few indices might not fit. Offsets into whole arrays are always 64-bit.
#pragma once
typedef long long Wide;

#ifdef WIDE
typedef long long Index;
typedef long long Divisor;  // the divisor itself
__device__ __forceinline__ Index divide(Index n, Divisor d) { return n / d; }
#else
typedef int Index;
// ceil(2^(31+s) / d) in the low half, 31 + s in the high half, s = ceil(log2 d): exact for 0 <= n < 2^31.
typedef unsigned long long Divisor;
__device__ __forceinline__ Index divide(Index n, Divisor d) {
    return (Index)(((unsigned long long)(unsigned)n * (unsigned)d) >> (unsigned)(d >> 32));
}
#endif

// Whether 0 <= i < size, in one comparison.
__device__ __forceinline__ bool within(int i, int size) { return (unsigned)i < (unsigned)size; }
__device__ __forceinline__ bool within(Wide i, Wide size) { return (unsigned long long)i < (unsigned long long)size; }
