// The product of two tiles on tensor cores, TF32 operands and float32 sums. Four warps share the tile: two above two, of
// BM/2 x 64 each, or (BM = 32) four beside each other of 32 x 32.
//
// Which rows and columns of the tile an instruction's rows and columns stand for is free. They are chosen such that a
// lane reads four neighbours at once and ends with four neighbouring results: row g + 8*half of the 16 rows i is row
// i/2*32 + g*4 + i%2*2 + half of the warp's, column g of the 8 columns j is column j/4*32 + column_of(g) + j%4.
#pragma once

#define WARPS_DOWN (BM == 32 ? 1 : 2)
#define WARP_M (BM / WARPS_DOWN)
#define WARP_N (BN / (4 / WARPS_DOWN))

// The hardware drops the 13 low bits. To grow a number by a third to two thirds of the last bit that is kept makes of that
// nearly a rounding: off by 2/3 of that bit at most, hardly biased, and what fits in TF32 stays as it is. It is one
// instruction, and keeps infinities and NaN.
__device__ __forceinline__ unsigned nearly_tf32(float value) {
    return __float_as_uint(value * (1.0f + 1.0f / (3 << 10)));
}

// 0 12 4 8, 16 28 20 24: the even ones lie in pairs, and so do the odd ones, so that what four lanes store at once fills
// whole sectors of 32 bytes where rows begin at one; an even one and the next differ by 4 modulo 8, so that reads do not meet in a bank.
__device__ __forceinline__ int column_of(int g) { return g / 4 * 16 + (g % 2 ? 14 - g % 4 * 2 : g % 4 * 2); }

struct Product {
    float sum[WARP_M / 16][WARP_N / 8][4];
    int m, n, g, t, own_column;

    __device__ __forceinline__ Product() {
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
        m = warp % WARPS_DOWN * WARP_M, n = warp / WARPS_DOWN * WARP_N, g = lane / 4, t = lane % 4;
        own_column = column_of(g);
#pragma unroll
        for (int i = 0; i < WARP_M / 16; ++i)
#pragma unroll
            for (int j = 0; j < WARP_N / 8; ++j)
#pragma unroll
                for (int e = 0; e < 4; ++e) sum[i][j][e] = 0.0f;
    }

    __device__ __forceinline__ void add(const float* a_stage, const float* b_stage) {
#pragma unroll
        for (int k = 0; k < BK; k += 8) {
            unsigned a[WARP_M / 16][4], b[WARP_N / 8][2];
            read_a(a, a_stage, k);
#pragma unroll
            for (int half = 0; half < 2; ++half)
#pragma unroll
                for (int j = 0; j < WARP_N / 8; j += 4) {
                    const Four row = four(b_stage, k + half * 4 + t, n + j * 8 + own_column, BN);
#pragma unroll
                    for (int e = 0; e < 4; ++e) b[j + e][half] = nearly_tf32(row.at[e]);
                }
#pragma unroll
            for (int i = 0; i < WARP_M / 16; ++i)
#pragma unroll
                for (int j = 0; j < WARP_N / 8; ++j) mma_tf32(sum[i][j], a[i], b[j]);
        }
    }

    // Calls store(m, n, four results of row m from column n on) for all results of the thread.
    template <typename Store> __device__ __forceinline__ void each(Store store) const {
#pragma unroll
        for (int j = 0; j < WARP_N / 8; j += 4)
#pragma unroll
            for (int side = 0; side < 2; ++side)
#pragma unroll
                for (int i = 0; i < WARP_M / 16; ++i)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        Four result;
#pragma unroll
                        for (int e = 0; e < 4; ++e) result.at[e] = sum[i][j + e][half * 2 + side];
                        store(m + i / 2 * 32 + g * 4 + i % 2 * 2 + half, n + j * 8 + column_of(t * 2 + side), result);
                    }
    }

private:
    __device__ __forceinline__ void read_a(unsigned (&a)[WARP_M / 16][4], const float* stage, int k) const {
#ifdef A_IS_PACKED  // by pack_filters.cu: TF32 already, in the order in which lanes hold them
#pragma unroll
        for (int i = 0; i < WARP_M / 16; ++i) {
            const Four lane = *(const Four*)(stage + ((k / 8 * (BM / 16) + m / 16 + i) * 32 + threadIdx.x % 32) * 4);
#pragma unroll
            for (int e = 0; e < 4; ++e) a[i][e] = __float_as_uint(lane.at[e]);
        }
#else
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int i = 0; i < WARP_M / 16; i += 2) {
                const Four row = four(stage, k + half * 4 + t, m + i * 16 + g * 4, BM);
#pragma unroll
                for (int e = 0; e < 4; ++e) a[i + e / 2][half * 2 + e % 2] = nearly_tf32(row.at[e]);
            }
#endif
    }
};
