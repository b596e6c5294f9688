// What was built, and what it runs on.
#include <Eigen/Core>

#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "core/parallel.hpp"

#define MEHLER_TEXT_(x) #x
#define MEHLER_TEXT(x) MEHLER_TEXT_(x)

namespace mehler {

void bind_build(py::module_& m) {
    py::register_local_exception<Interrupted>(m, "Interrupted", PyExc_RuntimeError);
    m.def("build_info", [] {
        py::dict d;
        d["cpu_level"] = MEHLER_LEVEL;
        d["compiler"] = __VERSION__;
        d["cplusplus"] = static_cast<long>(__cplusplus);
        d["openmp"] = static_cast<long>(_OPENMP);
        d["eigen"] = MEHLER_TEXT(EIGEN_WORLD_VERSION) "." MEHLER_TEXT(
            EIGEN_MAJOR_VERSION) "." MEHLER_TEXT(EIGEN_MINOR_VERSION);
        d["pybind11"] = MEHLER_TEXT(PYBIND11_VERSION_MAJOR) "." MEHLER_TEXT(PYBIND11_VERSION_MINOR);
        d["index_bits"] = 8 * static_cast<int>(sizeof(Index));
        return d;
    });
    m.def("default_threads", &default_threads);
    m.def("release_threads", &release_threads, py::call_guard<py::gil_scoped_release>());
}

} // namespace mehler
