// The Walsh-Hadamard transform and its sketches of rows.
#include "systems/walsh_hadamard.hpp"

#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"

namespace mehler {

namespace {

using Picked = py::array_t<Index, py::array::c_style>;

const Index* within(const Picked& picked, Index N, const char* name) {
    if (picked.ndim() != 1)
        throw py::value_error(std::string(name) + " must have the shape (s,)");
    for (Index t = 0; t < picked.size(); ++t)
        if (picked.data()[t] < 0 || picked.data()[t] >= N)
            throw py::value_error(std::string(name) + " must lie within the padded row");
    return picked.data();
}

Array transformed(const py::array& X, int threads, py::object ask) {
    const double* x = rows(X, 2, "X");
    const Index b = X.shape(0), N = X.shape(1);
    if (N < 1 || N != power_of_two(N))
        throw py::value_error("the number of columns must be a power of two");
    Array Y({b, N});
    double* y = Y.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& mon) {
        std::copy(x, x + b * N, y);
        walsh_hadamard(y, b, N, threads, mon);
    });
    return Y;
}

Array of_rows(const py::array& B, const Picked& picked, std::uint64_t seed, int threads,
              py::object ask) {
    const double* from = rows(B, 2, "B");
    const Index n = B.shape(0), k = B.shape(1), s = picked.size();
    const Index* at = within(picked, power_of_two(k), "picked");
    Array S({n, s});
    double* out = S.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& mon) { sketch_rows(from, n, k, at, s, seed, out, threads, mon); });
    return S;
}

Array of_products(const py::array& A, const py::array& X, const Picked& picked, std::uint64_t seed,
                  int threads, py::object ask) {
    const double *a = rows(A, 2, "A"), *x = rows(X, 2, "X");
    const Index n = A.shape(0), m = A.shape(1), d = X.shape(1), s = picked.size();
    if (X.shape(0) != n)
        throw py::value_error("A and X must have as many rows");
    const Index* at = within(picked, power_of_two(m * d), "picked");
    Array S({n, s});
    double* out = S.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run(
        [&](Monitor& mon) { sketch_products(a, x, n, m, d, at, s, seed, out, threads, mon); });
    return S;
}

Array of_tensor(const py::array& A, const py::array& X, const Picked& p, const Picked& q,
                std::uint64_t seed, int threads, py::object ask) {
    const double *a = rows(A, 2, "A"), *x = rows(X, 2, "X");
    const Index n = A.shape(0), m = A.shape(1), d = X.shape(1), s = p.size();
    if (X.shape(0) != n || q.size() != s)
        throw py::value_error("A and X must have as many rows, p and q as many entries");
    const Index *left = within(p, power_of_two(m), "p"), *right = within(q, power_of_two(d), "q");
    Array S({n, s});
    double* out = S.mutable_data();
    PythonMonitor monitor{std::move(ask)};
    monitor.run([&](Monitor& mon) {
        sketch_tensor(a, x, n, m, d, left, right, s, seed, out, threads, mon);
    });
    return S;
}

} // namespace

void bind_walsh_hadamard(py::module_& m) {
    m.def("walsh_hadamard", &transformed, py::arg("X"), py::arg("threads"),
          py::arg("ask") = py::none());
    m.def("sketch_rows", &of_rows, py::arg("B"), py::arg("picked"), py::arg("seed"),
          py::arg("threads"), py::arg("ask") = py::none());
    m.def("sketch_products", &of_products, py::arg("A"), py::arg("X"), py::arg("picked"),
          py::arg("seed"), py::arg("threads"), py::arg("ask") = py::none());
    m.def("sketch_tensor", &of_tensor, py::arg("A"), py::arg("X"), py::arg("p"), py::arg("q"),
          py::arg("seed"), py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace mehler
