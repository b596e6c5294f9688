// Sampled coarse gradients of a network with a binary activation.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "systems/coarse_gradient.hpp"

namespace mehler {

namespace {

std::pair<Array, Array> coarse_gradient_sums(const py::array& v, const py::array& w,
                                             const py::array& v_star, const py::array& w_star,
                                             Index draws, std::uint64_t seed, int threads,
                                             py::object ask) {
    const CoarseGradient one{v.size(),
                             w.size(),
                             rows(v, 1, "v"),
                             rows(w, 1, "w"),
                             rows(v_star, 1, "v_star"),
                             rows(w_star, 1, "w_star"),
                             seed};
    if (v_star.size() != one.m || w_star.size() != one.n || one.m < 1 || one.n < 1)
        throw py::value_error("v and v_star must be (m), w and w_star (n)");
    if (draws < 1 || draws > (Index{1} << 60) / (one.m * one.n + 1))
        throw py::value_error("draws must be >= 1, and draws m n < 2^60");
    Array sum(one.size()), square(one.size());
    double *s = sum.mutable_data(), *q = square.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& home) { one.sums(draws, s, q, threads, home); });
    return {sum, square};
}

} // namespace

void bind_coarse_gradient(py::module_& m) {
    m.def("coarse_gradient_sums", &coarse_gradient_sums, py::arg("v"), py::arg("w"),
          py::arg("v_star"), py::arg("w_star"), py::arg("draws"), py::arg("seed"),
          py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace mehler
