// Students with quadratic units.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "systems/quadratic_descent.hpp"

namespace mehler {

namespace {

// (weights, losses, steps taken) of all trials.
py::tuple descended(const py::array& X, const py::array& y, const py::array& W,
                    const py::array& step, Index steps, double tol, int threads, py::object ask) {
    QuadraticTrials all{};
    all.X = rows(X, 3, "X");
    all.y = rows(y, 2, "y");
    const double* start = rows(W, 3, "W");
    all.step = rows(step, 1, "step");
    all.trials = X.shape(0);
    all.n = X.shape(1);
    all.d = X.shape(2);
    all.m = W.shape(1);
    if (y.shape(0) != all.trials || y.shape(1) != all.n || W.shape(0) != all.trials ||
        W.shape(2) != all.d || step.shape(0) != all.trials)
        throw py::value_error("X (T, n, d), y (T, n), W (T, m, d) and step (T) must agree");
    if (all.n < 1 || all.d < 1 || all.m < 1 || steps < 0)
        throw py::value_error("n, d and m must be >= 1, steps >= 0");
    Array end({all.trials, all.m, all.d}), loss(all.trials);
    py::array_t<Index> taken(all.trials);
    std::copy(start, start + end.size(), end.mutable_data());
    all.W = end.mutable_data();
    all.loss = loss.mutable_data();
    all.taken = taken.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& m) { quadratic_descent(all, steps, tol, threads, m); });
    return py::make_tuple(std::move(end), std::move(loss), std::move(taken));
}

} // namespace

void bind_quadratic(py::module_& m) {
    m.def("quadratic_descent", &descended, py::arg("X"), py::arg("y"), py::arg("W"),
          py::arg("step"), py::arg("steps"), py::arg("tol"), py::arg("threads"),
          py::arg("ask") = py::none());
}

} // namespace mehler
