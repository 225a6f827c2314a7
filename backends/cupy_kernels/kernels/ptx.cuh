// The instructions that CUDA C++ has no words for. Off a card another file of this name takes its place; it is the
// only one that is exchanged.
#pragma once

// Copies one or two words to shared memory behind the thread's back, or zeros where not `inside`: then nothing is read,
// and the address may be anything.
template <typename T> __device__ __forceinline__ void copy_async(T* shared, const T* global, bool inside) {
    const unsigned to = (unsigned)__cvta_generic_to_shared(shared), bytes = inside ? sizeof(T) : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global), "n"(sizeof(T)), "r"(bytes));
}
// The same for 16 bytes, both sides aligned to them.
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool inside) {
    const unsigned to = (unsigned)__cvta_generic_to_shared(shared), bytes = inside ? 16 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes));
}
// Closes a group of this thread's copies.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;"); }
// Waits until at most PENDING of this thread's groups are under way; a barrier must follow before others read.
template <int PENDING> __device__ __forceinline__ void await_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
// float32 to TF32 (11 significant bits), to nearest: the hardware itself would truncate, and bias every sum.
__device__ __forceinline__ unsigned to_tf32(float value) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}
// d (16x8) += a (16x8) * b (8x8) over a warp. With g = lane / 4 and t = lane % 4 a lane holds a[g, g+8][t] and
// a[g, g+8][t+4], b[t][g] and b[t+4][g], d[g][2t, 2t+1] and d[g+8][2t, 2t+1].
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// More shared memory than may be declared: the launch asks for sizeof(Type) bytes.
#define SHARED_BY_LAUNCH(Type, name) \
    extern __shared__ uint4 launch_memory[]; \
    Type& name = *reinterpret_cast<Type*>(launch_memory)
// Brings the line of an address close.
__device__ __forceinline__ void prefetch(const void* address) { asm volatile("prefetch.global.L1 [%0];" ::"l"(address)); }
