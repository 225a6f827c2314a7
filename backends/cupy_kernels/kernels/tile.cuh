// A block's share of a matrix product, A (M x K) @ B (K x N): tiles of A and B in shared memory, STAGES deep, filled
// behind the threads' back while an older stage is multiplied. How tiles are filled and results stored is the kernel's.
#pragma once
#include "ptx.cuh"

#define THREADS 128
#define BN 128
constexpr int BK = sizeof(SCALAR) == 4 ? 16 : 8;

struct alignas(16) Four { SCALAR at[4]; };  // neighbours in shared memory that are read at once

// A stage holds BK rows, one k each, of `width` columns. Rows are 8 columns longer than that, and in every other four
// of them neighbouring fours are exchanged: so float32 reads of 16 bytes across rows meet in no bank, writes down a
// column in pairs (rows 8 apart), and places of one row differ by what is known when this is compiled.
#define ROW(width) ((width) + 8)
__device__ __forceinline__ int slot(int k, int column, int width) {
    return k * ROW(width) + (column ^ (k & 4));
}
__device__ __forceinline__ Four four(const SCALAR* stage, int k, int column, int width) {
    return *(const Four*)(stage + slot(k, column, width));
}

#ifdef TF32
#include "multiply_tf32.cuh"
#else
#include "multiply_plain.cuh"
#endif

struct Stages {
    alignas(16) SCALAR a[STAGES][BK * ROW(BM)];
    alignas(16) SCALAR b[STAGES][BK * ROW(BN)];
};

// Multiplies `tiles` stages. `load(a, b, tile)` starts the copies of one tile and leaves closing their group to us.
template <typename Load> __device__ __forceinline__ void run(Product& product, Stages& stages, int tiles, Load load) {
#pragma unroll
    for (int tile = 0; tile < STAGES - 1; ++tile) {
        if (tile < tiles) load(stages.a[tile], stages.b[tile], tile);
        commit_copies();
    }
    int now = 0, next = STAGES - 1;
    for (int tile = 0; tile < tiles; ++tile) {
        await_copies<STAGES - 2>();
        __syncthreads();  // this tile is here for all threads, and all are done with the stage that is filled next
        if (tile + STAGES - 1 < tiles) load(stages.a[next], stages.b[next], tile + STAGES - 1);
        commit_copies();
        product.add(stages.a[now], stages.b[now]);
        now = now + 1 == STAGES ? 0 : now + 1;
        next = next + 1 == STAGES ? 0 : next + 1;
    }
}
