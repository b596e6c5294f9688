// The CPU level of this machine, asked before the extension proper is chosen.
#include <pybind11/pybind11.h>

#if defined(__x86_64__)
#include <cpuid.h>

namespace {

// Registers of 256 bits, which the system must keep as well, and every instruction of the level
// (x86-64 psABI, section 3.1.1). Asked of the processor itself: the names that compilers have for
// this differ, and on Windows they need a library of their own.
bool has_x86_64_v3() {
    constexpr unsigned fma = 1u << 12, movbe = 1u << 22, osxsave = 1u << 27, avx = 1u << 28,
                       f16c = 1u << 29, leaf1 = fma | movbe | osxsave | avx | f16c;
    constexpr unsigned bmi = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8, leaf7 = bmi | avx2 | bmi2;
    constexpr unsigned lzcnt = 1u << 5, kept = 6; // xmm and ymm
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & leaf1) != leaf1)
        return false;
    unsigned low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & kept) != kept)
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & leaf7) != leaf7)
        return false;
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & lzcnt);
}

} // namespace
#else
static bool has_x86_64_v3() {
    return false;
}
#endif

PYBIND11_MODULE(_cpu, m) {
    m.def("has_x86_64_v3", &has_x86_64_v3);
}
