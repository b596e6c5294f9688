// The CPU level of this machine, asked before the extension proper is chosen.
#include <pybind11/pybind11.h>

PYBIND11_MODULE(_cpu, m) {
    m.def("has_x86_64_v3", [] {
#if defined(__x86_64__)
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx") &&
               __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt");
#else
    return false;
#endif
    });
}
