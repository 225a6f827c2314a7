// The product of two tiles in the precision of the data, with fused multiply-adds. The threads stand 8 down and 16
// across; each has BM/8 rows and 8 columns of the tile, in fours that lie apart so that float32 reads do not meet in a bank.
#pragma once

struct Product {
    SCALAR sum[BM / 8][BN / 16];
    int down, across;

    __device__ __forceinline__ Product() {
        down = threadIdx.x / 16 * 4, across = threadIdx.x % 16 * 4;
#pragma unroll
        for (int i = 0; i < BM / 8; ++i)
#pragma unroll
            for (int j = 0; j < BN / 16; ++j) sum[i][j] = SCALAR(0);
    }

    __device__ __forceinline__ void add(const SCALAR* a_stage, const SCALAR* b_stage) {
#pragma unroll
        for (int k = 0; k < BK; ++k) {
            Four a[BM / 32], b[BN / 64];
#pragma unroll
            for (int i = 0; i < BM / 32; ++i) a[i] = four(a_stage, k, i * 32 + down, BM);
#pragma unroll
            for (int j = 0; j < BN / 64; ++j) b[j] = four(b_stage, k, j * 64 + across, BN);
#pragma unroll
            for (int i = 0; i < BM / 8; ++i)
#pragma unroll
                for (int j = 0; j < BN / 16; ++j) sum[i][j] += a[i / 4].at[i % 4] * b[j / 4].at[j % 4];
        }
    }

    // Calls store(m, n, four results of row m from column n on) for all results of the thread.
    template <typename Store> __device__ __forceinline__ void each(Store store) const {
#pragma unroll
        for (int j = 0; j < BN / 64; ++j)
#pragma unroll
            for (int i = 0; i < BM / 8; ++i) {
                Four result;
#pragma unroll
                for (int e = 0; e < 4; ++e) result.at[e] = sum[i][j * 4 + e];
                store(i / 4 * 32 + down + i % 4, j * 64 + across, result);
            }
    }
};
