// Two small tables instead of index arithmetic: where the tap of every row k of the columns lies from a window's first
// pixel, and which rows and columns of taps fall outside of the image for windows in a row or column of positions.
// -DLARGE is for kernels of more than 15 taps a side, and where a group of an image has 2^31 elements: it compares indices.
#pragma once

#ifdef LARGE
typedef longlong2 TapEntry;
struct Tap { Wide offset; int down, across; };
struct Window { int i, j; };

__device__ __forceinline__ Tap tap_at(const TapEntry* table, int k) {
    const longlong2 entry = __ldg(table + k);
    return {entry.x, (int)entry.y, (int)(entry.y >> 32)};
}
__device__ __forceinline__ Window window_at(const int*, int, int, int, int i, int j) { return {i, j}; }
__device__ __forceinline__ Window no_window() { return {-(1 << 29), -(1 << 29)}; }
__device__ __forceinline__ bool reaches(Window window, const Tap& tap, int H, int W) {
    return within(window.i + tap.down, H) && within(window.j + tap.across, W);
}
#else
typedef int2 TapEntry;
struct Tap { int offset; unsigned bits; };  // bits: its row (0-14) and its column (15-29); beyond the last k, bit 31
struct Window { unsigned beyond; };         // the bits of what is outside, and bit 31

__device__ __forceinline__ Tap tap_at(const TapEntry* table, int k) {
    const int2 entry = __ldg(table + k);
    return {entry.x, (unsigned)entry.y};
}
__device__ __forceinline__ Window window_at(const int* windows, int p, int q, int rows, int, int) {
    return {(unsigned)(__ldg(windows + p) | __ldg(windows + rows + q))};
}
__device__ __forceinline__ Window no_window() { return {~0u}; }
__device__ __forceinline__ bool reaches(Window window, const Tap& tap, int, int) { return !(window.beyond & tap.bits); }
#endif
