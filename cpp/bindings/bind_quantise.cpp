// Quantisation over time, in the precision of the arrays.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "systems/quantise.hpp"

namespace mehler {

namespace {

template <class T>
T* entries(const py::array& a, Index ndim, const char* name) {
    if (!py::isinstance<py::array_t<T>>(a) || a.ndim() != ndim ||
        !(a.flags() & py::array::c_style) || !a.writeable())
        throw py::type_error(std::string(name) + " must be a writeable C-contiguous array of " +
                             std::to_string(ndim) + " dimensions and the dtype of v");
    return static_cast<T*>(const_cast<void*>(a.data()));
}

template <class T>
void quantised(const py::array& f, double dt, const py::array& v, const py::array& out, int threads,
               py::object ask) {
    if (!py::isinstance<py::array_t<T>>(f) || f.ndim() != 2 || !(f.flags() & py::array::c_style))
        throw py::type_error("f must be a C-contiguous array of 2 dimensions and the dtype of v");
    const Index steps = f.shape(0), neurons = f.shape(1);
    T *to = entries<T>(out, 2, "out"), *state = entries<T>(v, 1, "v");
    if (out.shape(0) != steps || out.shape(1) != neurons || v.shape(0) != neurons)
        throw py::value_error("out must have the shape of f, and v one entry a column");
    const T* from = static_cast<const T*>(f.data());
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& m) {
        quantise(from, to, state, static_cast<T>(dt), steps, neurons, threads, m);
    });
}

} // namespace

void bind_quantise(py::module_& m) {
    m.def(
        "quantise",
        [](const py::array& f, double dt, const py::array& v, const py::array& out, int threads,
           py::object ask) {
            if (py::isinstance<py::array_t<float>>(v))
                quantised<float>(f, dt, v, out, threads, std::move(ask));
            else
                quantised<double>(f, dt, v, out, threads, std::move(ask));
        },
        py::arg("f"), py::arg("dt"), py::arg("v"), py::arg("out"), py::arg("threads"),
        py::arg("ask") = py::none());
}

} // namespace mehler
