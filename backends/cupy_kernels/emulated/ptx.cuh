// The instructions of kernels/ptx.cuh on the CPU. Copies are made either at once or, when the launch says late, not before
// they are waited for: a missing wait or barrier shows in one of the two. Products wait for all lanes of the warp.
#pragma once
#ifdef FIBERS
enum { MOST_COPIES = 512 };
struct Copy { void* to; const void* from; unsigned bytes; bool inside; };
struct Copies {
    Copy pending[MOST_COPIES];
    unsigned groups[16], count, open;  // copies in each closed group; how many of these; copies in the open one
};
static Copies copies[MOST_THREADS];
static void start_block_of_copies() {
    for (unsigned i = 0; i < blockDim.x; ++i) copies[i].count = copies[i].open = 0;
}
static inline void make(const Copy& copy) {
    if (copy.inside) memcpy(copy.to, copy.from, copy.bytes);
    else memset(copy.to, 0, copy.bytes);
}
static inline void copy_bytes(void* to, const void* from, unsigned bytes, bool inside) {
    if ((uintptr_t)to % bytes || (inside && (uintptr_t)from % bytes)) abort();  // a card faults on these
    if (inside) check_read(from, bytes);
    const Copy copy{to, from, bytes, inside};
    if (!late) return make(copy);
    Copies& own = copies[threadIdx.x];
    unsigned closed = 0;
    for (unsigned g = 0; g < own.count; ++g) closed += own.groups[g];
    if (closed + own.open == MOST_COPIES) abort();
    own.pending[closed + own.open++] = copy;
}
template <typename T> static inline void copy_async(T* shared, const T* global, bool inside) {
    copy_bytes(shared, global, sizeof(T), inside);
}
static inline void copy_async_16(void* shared, const void* global, bool inside) {
    copy_bytes(shared, global, 16, inside);
}
static inline void commit_copies() {
    Copies& own = copies[threadIdx.x];
    if (own.count == 16) abort();
    own.groups[own.count++] = own.open;
    own.open = 0;
}
template <int PENDING> static inline void await_copies() {
    Copies& own = copies[threadIdx.x];
    unsigned made = 0;
    for (; own.count > PENDING; --own.count) {
        for (unsigned c = 0; c < own.groups[0]; ++c) make(own.pending[made++]);
        memmove(own.groups, own.groups + 1, sizeof(unsigned) * (own.count - 1));
    }
    unsigned left = own.open;
    for (unsigned g = 0; g < own.count; ++g) left += own.groups[g];
    memmove(own.pending, own.pending + made, sizeof(Copy) * left);
}

struct Products {
    const unsigned *a[WARP], *b[WARP];
    float* d[WARP];
    unsigned arrived, done;
};
static Products products[MOST_THREADS / WARP];
static void start_block_of_products() { memset(products, 0, sizeof products); }
static void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    Products& warp = products[threadIdx.x / WARP];
    const unsigned lane = threadIdx.x % WARP, mine = warp.done;
    warp.a[lane] = a, warp.b[lane] = b, warp.d[lane] = d;
    if (++warp.arrived < WARP) {
        while (warp.done == mine) pause_fiber();
        return;
    }
    float left[16][8], right[8][8];
    for (unsigned l = 0; l < WARP; ++l)
        for (unsigned e = 0; e < 4; ++e) {
            // The hardware reads the upper 19 bits and no others.
            left[l / 4 + e % 2 * 8][l % 4 + e / 2 * 4] = __uint_as_float(warp.a[l][e] & 0xFFFFE000u);
            if (e < 2) right[l % 4 + e * 4][l / 4] = __uint_as_float(warp.b[l][e] & 0xFFFFE000u);
        }
    for (unsigned l = 0; l < WARP; ++l)
        for (unsigned e = 0; e < 4; ++e) {
            float sum = warp.d[l][e];
            for (unsigned k = 0; k < 8; ++k) sum += left[l / 4 + e / 2 * 8][k] * right[k][l % 4 * 2 + e % 2];
            warp.d[l][e] = sum;
        }
    warp.arrived = 0;
    ++warp.done;
    ++progress;
}
#endif
static inline unsigned to_tf32(float value) {
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7F800000u) == 0x7F800000u) return bits;  // not a number stays one
    return (bits + 0x1000u) & 0xFFFFE000u;  // to nearest, ties away from zero
}
#define SHARED_BY_LAUNCH(Type, name) \
    static __attribute__((section("shared_memory"), aligned(128))) unsigned char launch_memory[sizeof(Type)]; \
    Type& name = *reinterpret_cast<Type*>(launch_memory)
static inline void prefetch(const void*) {}
