// What the CUDA kernels need of CUDA, for a C++ compiler on the CPU. A block's threads run one after another; in kernels
// with barriers (-DFIBERS) each is a fiber that runs up to its next barrier or warp-wide instruction.
#pragma once
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>

struct Index3 { unsigned x, y, z; };
static Index3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
// All shared variables lie in one section, so that every block can begin with garbage in them.
#define __shared__ static __attribute__((section("shared_memory"), aligned(128)))

struct int2 { int x, y; };
struct uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) longlong2 { long long x, y; };
// The memory that the arguments of a launch lie in: a read beside it is an error even if nothing comes of it.
struct Range { const char *begin, *end; };
static const Range* readable;
static unsigned readable_count;
static inline void check_read(const void* p, size_t bytes) {
    for (unsigned i = 0; i < readable_count; ++i)
        if ((const char*)p >= readable[i].begin && (const char*)p + bytes <= readable[i].end) return;
    fprintf(stderr, "a kernel read %zu bytes beside its arguments\n", bytes);
    abort();
}
template <typename T> static inline T __ldg(const T* p) { check_read(p, sizeof(T)); return *p; }
template <typename T> static inline T __ldcs(const T* p) { check_read(p, sizeof(T)); return *p; }
template <typename T> static inline void __stcs(T* p, T value) { *p = value; }
static inline unsigned long long atomicMax(unsigned long long* p, unsigned long long value) {
    const unsigned long long before = *p;  // one thread runs at a time
    if (value > before) *p = value;
    return before;
}
static inline int min(int a, int b) { return a < b ? a : b; }
static inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }

enum { FINE, DIVERGENT_BARRIER, STUCK_WARP };  // how a launch ended

#ifdef FIBERS
#include "fibers.h"
#else
static inline int run_block(void (*thread)(void*), void* context) {
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) thread(context);
    return FINE;
}
static inline void set_copies_late(int) {}
#endif

extern char __start_shared_memory[] __attribute__((weak)), __stop_shared_memory[] __attribute__((weak));

// Runs a kernel of any signature: arguments[i] points at the i-th argument, as the driver takes them.
template <typename... P> struct Call {
    void (*kernel)(P...);
    void** arguments;
    template <size_t... I> void apply(std::index_sequence<I...>) { kernel(*(P*)arguments[I]...); }
    static void run(void* self) { ((Call*)self)->apply(std::index_sequence_for<P...>()); }
};
template <typename... P>
static int launch(void (*kernel)(P...), unsigned blocks, unsigned threads, int late, void** arguments,
                  const Range* ranges, unsigned count) {
    readable = ranges, readable_count = count;
    Call<P...> call{kernel, arguments};
    gridDim = {blocks, 1, 1}, blockDim = {threads, 1, 1};
    set_copies_late(late);
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        if (__start_shared_memory) memset(__start_shared_memory, 0xFF, __stop_shared_memory - __start_shared_memory);
        if (int how = run_block(&Call<P...>::run, &call)) return how;
    }
    return FINE;
}
// The sizes of the parameters, 0 behind the last: what the host passes must agree.
template <typename... P> static const unsigned* sizes(void (*)(P...)) {
    static const unsigned of[] = {(unsigned)sizeof(P)..., 0};
    return of;
}
