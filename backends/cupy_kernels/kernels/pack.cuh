// VEC scalars that are stored at once, past the cache: nobody reads columns again before the cache is full of others.
#pragma once
template <int BYTES> struct Bits;
template <> struct Bits<4> { typedef unsigned Type; };
template <> struct Bits<8> { typedef uint2 Type; };
template <> struct Bits<16> { typedef uint4 Type; };

struct alignas(VEC * sizeof(SCALAR)) Pack { SCALAR at[VEC]; };

__device__ __forceinline__ void store_streaming(SCALAR* to, const Pack& pack) {
    typename Bits<sizeof(Pack)>::Type bits;
    memcpy(&bits, &pack, sizeof(Pack));
    __stcs((typename Bits<sizeof(Pack)>::Type*)to, bits);
}
