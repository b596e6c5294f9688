// Stochastic Lanczos quadrature, and how much of a measure lies below a point.
#include <pybind11/eigen.h>

#include "bindings/nouns.hpp"
#include "bindings/operators.hpp"
#include "solve/canonical_rule.hpp"
#include "solve/quadrature.hpp"

namespace mehler {

namespace {

py::dict quadrature(const Operator& K, Matrix V, Index probes, Index steps, std::uint64_t seed,
                    int threads, py::object ask) {
    if (V.rows() != K.size())
        throw py::value_error("V must have the shape (n, p)");
    if (probes < 1 || steps < 1)
        throw py::value_error("probes and steps must be at least 1");
    PythonMonitor monitor{std::move(ask)};
    Quadrature rule(K, std::move(V), {probes, steps, seed, threads}, monitor.monitor);
    const bool interrupted = monitor.run_partial([&](Monitor&) { rule.run(); });
    py::dict d;
    d["alpha"] = Matrix(rule.alpha.topRows(rule.steps));
    d["beta"] = Matrix(rule.beta.topRows(rule.steps));
    d["squares"] = rule.squares;
    d["lengths"] = rule.lengths;
    d["steps"] = rule.steps;
    d["stopped"] = rule.stopped;
    d["interrupted"] = interrupted;
    return d;
}

// (lower, upper): mu((-inf, x]) lies above lower(x_l) and below upper(x_u).
py::tuple measure_bounds(const Vector& alpha, const Vector& beta, const Vector& low,
                         const Vector& high, int threads, py::object ask) {
    if (alpha.size() < 1 || alpha.size() != beta.size() || low.size() != high.size())
        throw py::value_error("alpha and beta must be as long as each other, as must low and high");
    PythonMonitor monitor{std::move(ask)};
    Vector lower(low.size()), upper(high.size());
    monitor.run([&](Monitor& m) {
        const CanonicalRule rule(alpha.data(), beta.data(), alpha.size());
        parallel_for(low.size(), threads, m, [&](Index i) {
            lower[i] = rule.below(low[i]);
            upper[i] = rule.above(high[i]);
        });
    });
    return py::make_tuple(lower, upper);
}

} // namespace

void bind_quadrature(py::module_& m) {
    m.def("quadrature", &quadrature, py::arg("K"), py::arg("V"), py::arg("probes"),
          py::arg("steps"), py::arg("seed"), py::arg("threads"), py::arg("ask") = py::none());
    m.def("quadrature_bytes", &Quadrature::bytes_for, py::arg("n"), py::arg("probes"),
          py::arg("steps"));
    m.def("measure_bounds", &measure_bounds, py::arg("alpha"), py::arg("beta"), py::arg("low"),
          py::arg("high"), py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace mehler
