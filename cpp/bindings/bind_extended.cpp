// Double-double points, matrix, factor, eigenpair and spectrum. Pairs of arrays (hi, lo) cross
// here. Built with -ffp-contract=off (CMakeLists.txt): see extended/double_double.hpp.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "extended/inverse_lanczos.hpp"
#include "extended/spectrum.hpp"

namespace mehler {

namespace {

std::vector<DD> numbers(const py::array& hi, const py::array& lo) {
    const double *h = rows(hi, 1, "hi"), *l = rows(lo, 1, "lo");
    if (hi.size() != lo.size())
        throw py::value_error("hi and lo must have one size");
    std::vector<DD> out;
    for (Index k = 0; k < hi.size(); ++k)
        out.push_back({h[k], l[k]});
    return out;
}

py::tuple arrays(const DDVector& x, Index n) {
    Array hi(n), lo(n);
    std::copy_n(x.hi.data(), n, hi.mutable_data());
    std::copy_n(x.lo.data(), n, lo.mutable_data());
    return py::make_tuple(hi, lo);
}

DDVector vector_of(const py::array& hi, const py::array& lo, Index n) {
    const double *h = rows(hi, 1, "hi"), *l = rows(lo, 1, "lo");
    if (hi.size() != n || lo.size() != n)
        throw py::value_error("hi and lo must have the shape (n,)");
    DDVector x(n);
    for (Index i = 0; i < n; ++i)
        x.set(i, {h[i], l[i]});
    return x;
}

using Pair = std::pair<double, double>; // (hi, lo)

py::dict smallest_pair(const DDMatrix& K, const DDCholesky& factor, Index most, double tol,
                       double floor, std::uint64_t seed, int threads, py::object ask) {
    if (K.size() != factor.size())
        throw py::value_error("matrix and factor must have one size");
    PythonMonitor monitor{std::move(ask)};
    std::unique_ptr<InverseLanczos> found;
    monitor.run([&](Monitor& mon) {
        found = std::make_unique<InverseLanczos>(K, factor, most, tol, floor, seed, threads, mon);
    });
    py::dict d;
    d["value"] = Pair{found->value.hi, found->value.lo};
    d["residual"] = found->residual;
    d["vector"] = arrays(found->vector, K.size());
    d["solves"] = found->solves;
    d["products"] = found->products;
    d["converged"] = found->converged();
    py::list history;
    for (const auto& s : found->history)
        history.append(py::make_tuple(s.solves, s.value, s.residual));
    d["history"] = history;
    return d;
}

} // namespace

void bind_extended(py::module_& m) {
    py::class_<DDSeries, std::shared_ptr<DDSeries>>(m, "ExtendedSeries")
        .def(
            py::init([](const py::array& even_hi, const py::array& even_lo, const py::array& odd_hi,
                        const py::array& odd_lo, Pair a, Pair b, Pair slope, Pair mean) {
                auto h = std::make_shared<DDSeries>();
                h->even = numbers(even_hi, even_lo);
                h->odd = numbers(odd_hi, odd_lo);
                h->a = {a.first, a.second};
                h->b = {b.first, b.second};
                h->slope = {slope.first, slope.second};
                h->mean = {mean.first, mean.second};
                return h;
            }),
            py::arg("even_hi"), py::arg("even_lo"), py::arg("odd_hi"), py::arg("odd_lo"),
            py::arg("a"), py::arg("b"), py::arg("slope"), py::arg("mean"))
        .def(
            "at",
            [](const DDSeries& h, double hi, double lo) {
                const DD x = h.at({hi, lo});
                return Pair{x.hi, x.lo};
            },
            py::arg("hi"), py::arg("lo"));

    py::class_<DDPoints, std::shared_ptr<DDPoints>>(m, "ExtendedPoints")
        .def(py::init([](const py::array& X, int exponent, int threads) {
                 const double* x = rows(X, 2, "X");
                 PythonMonitor monitor{py::none()};
                 std::shared_ptr<DDPoints> P;
                 monitor.run([&](Monitor& mon) {
                     P = std::make_shared<DDPoints>(x, X.shape(0), X.shape(1), exponent, threads,
                                                    mon);
                 });
                 return P;
             }),
             py::arg("X"), py::arg("exponent"), py::arg("threads"))
        .def_property_readonly("nbytes", &DDPoints::bytes);

    py::class_<DDMatrix, std::shared_ptr<DDMatrix>>(m, "ExtendedMatrix")
        .def(py::init([](const DDPoints& points, const DDSeries& h, int threads, py::object ask) {
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<DDMatrix> K;
                 monitor.run([&](Monitor& mon) {
                     K = std::make_shared<DDMatrix>(points, h, threads, mon);
                 });
                 return K;
             }),
             py::arg("points"), py::arg("series"), py::arg("threads"), py::arg("ask") = py::none())
        .def(py::init([](const py::array& hi, const py::array& lo, int threads) {
                 const double *h = rows(hi, 2, "hi"), *l = rows(lo, 2, "lo");
                 const Index n = hi.shape(0);
                 if (n < 1 || hi.shape(1) != n || lo.shape(0) != n || lo.shape(1) != n)
                     throw py::value_error("hi and lo must be square and of one size");
                 PythonMonitor monitor{py::none()};
                 std::shared_ptr<DDMatrix> K;
                 monitor.run(
                     [&](Monitor& mon) { K = std::make_shared<DDMatrix>(h, l, n, threads, mon); });
                 return K;
             }),
             py::arg("hi"), py::arg("lo"), py::arg("threads"))
        .def_static("bytes_for", &DDMatrix::bytes_for, py::arg("n"))
        .def_property_readonly("size", &DDMatrix::size)
        .def_property_readonly("nbytes", &DDMatrix::bytes)
        .def("dense",
             [](const DDMatrix& K) {
                 const Index n = K.size();
                 Array hi({n, n}), lo({n, n});
                 double *h = hi.mutable_data(), *l = lo.mutable_data();
                 for (Index i = 0; i < n; ++i)
                     for (Index j = 0; j < n; ++j) {
                         const DD x = K.entry(i, j);
                         h[i * n + j] = x.hi;
                         l[i * n + j] = x.lo;
                     }
                 return py::make_tuple(hi, lo);
             })
        .def(
            "multiply",
            [](const DDMatrix& K, const py::array& hi, const py::array& lo, int threads) {
                const DDVector x = vector_of(hi, lo, K.size());
                DDVector y(K.size());
                PythonMonitor monitor{py::none()};
                monitor.run([&](Monitor& mon) { K.multiply(x, y, threads, mon); });
                return arrays(y, K.size());
            },
            py::arg("hi"), py::arg("lo"), py::arg("threads"))
        .def(
            "spectrum",
            [](const DDMatrix& K, int threads, py::object ask) {
                PythonMonitor monitor{std::move(ask)};
                std::vector<DD> values;
                monitor.run([&](Monitor& mon) { values = DDSpectrum(K, threads, mon).diagonal; });
                DDVector all(K.size());
                for (Index i = 0; i < K.size(); ++i)
                    all.set(i, values[static_cast<std::size_t>(i)]);
                return arrays(all, K.size());
            },
            py::arg("threads"), py::arg("ask") = py::none())
        .def_static("spectrum_bytes_for", &DDSpectrum::bytes_for, py::arg("n"));

    py::class_<DDCholesky, std::shared_ptr<DDCholesky>>(m, "ExtendedCholesky")
        .def(py::init([](const DDMatrix& K, Pair shift, int threads, py::object ask) {
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<DDCholesky> F;
                 monitor.run([&](Monitor& mon) {
                     F = std::make_shared<DDCholesky>(K, DD{shift.first, shift.second}, threads,
                                                      mon);
                 });
                 return F;
             }),
             py::arg("matrix"), py::arg("shift"), py::arg("threads"), py::arg("ask") = py::none())
        .def_property_readonly("size", &DDCholesky::size)
        .def_property_readonly("nbytes", &DDCholesky::bytes)
        .def_property_readonly("complete", &DDCholesky::complete)
        .def_property_readonly("column", &DDCholesky::column)
        .def("dense",
             [](const DDCholesky& F) {
                 const Index n = F.size();
                 Array hi({n, n}), lo({n, n});
                 F.dense(hi.mutable_data(), lo.mutable_data());
                 return py::make_tuple(hi, lo);
             })
        .def(
            "solve",
            [](const DDCholesky& F, const py::array& hi, const py::array& lo) {
                DDVector x = vector_of(hi, lo, F.size());
                F.solve(x);
                return arrays(x, F.size());
            },
            py::arg("hi"), py::arg("lo"));

    m.def("extended_pair", &smallest_pair, py::arg("matrix"), py::arg("factor"), py::arg("most"),
          py::arg("tol"), py::arg("floor"), py::arg("seed"), py::arg("threads"),
          py::arg("ask") = py::none());
}

} // namespace mehler
