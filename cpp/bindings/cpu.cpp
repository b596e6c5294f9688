// The CPU level of this machine, asked before the extension proper is chosen.
#include <pybind11/pybind11.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

PYBIND11_MODULE(_cpu, m) {
    m.def("has_x86_64_v3", [] {
#if defined(__x86_64__)
        // what the system keeps (registers of 256 bits) by the compiler's own question; the rest,
        // which not every compiler has names for, by cpuid
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
            !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2"))
            return false;
        constexpr unsigned movbe = 1u << 22, f16c = 1u << 29, lzcnt = 1u << 5;
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (movbe | f16c)) != (movbe | f16c))
            return false;
        return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & lzcnt);
#else
        return false;
#endif
    });
}
