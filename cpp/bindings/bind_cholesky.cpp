// The tiled Cholesky factor, and the eigensolver around it.
#include <pybind11/eigen.h>

#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "gram/cholesky.hpp"
#include "solve/shift_invert.hpp"

namespace mehler {

namespace {

template <class T>
void bind_factor(py::module_& m, const char* name) {
    using Factor = TiledCholesky<T>;
    py::class_<Factor, Solver, std::shared_ptr<Factor>>(m, name)
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h, double shift, int threads,
                         py::object ask) {
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<Factor> F;
                 monitor.run([&](Monitor& mon) {
                     F = std::make_shared<Factor>(*X.points, *h, shift, threads, mon);
                 });
                 return F;
             }),
             py::arg("points"), py::arg("profile"), py::arg("shift"), py::arg("threads"),
             py::arg("ask") = py::none())
        .def(py::init([](const py::array& A, double shift, int threads, py::object ask) {
                 const double* a = rows(A, 2, "A");
                 if (A.shape(0) != A.shape(1) || A.shape(0) < 1)
                     throw py::value_error("A must be square");
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<Factor> F;
                 monitor.run([&](Monitor& mon) {
                     F = std::make_shared<Factor>(a, A.shape(0), shift, threads, mon);
                 });
                 return F;
             }),
             py::arg("A"), py::arg("shift"), py::arg("threads"), py::arg("ask") = py::none())
        .def(
            "factor",
            [](Factor& F, int threads, py::object ask, bool shorten) {
                if (F.complete() || F.column() >= 0)
                    throw std::logic_error("the tiles were factored before");
                PythonMonitor monitor{std::move(ask)};
                monitor.run([&](Monitor& mon) { F.factor(threads, mon, shorten); });
                return F.complete();
            },
            py::arg("threads"), py::arg("ask") = py::none(), py::arg("shorten") = false)
        .def_property_readonly("shortened", &Factor::shortened)
        .def_property_readonly("blur", &Factor::blur)
        .def("largest", &Factor::largest)
        .def(
            "block",
            [](const Factor& F, Index first, Index count) {
                return std::make_shared<Factor>(F, first, count);
            },
            py::arg("first"), py::arg("count"))
        .def("lower", &Factor::lower, py::arg("by"))
        .def(
            "pair_bound",
            [](const Factor& F, int threads, py::object ask) {
                PythonMonitor monitor{std::move(ask)};
                double bound = 0.0;
                monitor.run([&](Monitor& mon) { bound = F.pair_bound(threads, mon); });
                return bound;
            },
            py::arg("threads"), py::arg("ask") = py::none())
        .def_property_readonly("panels", &Factor::panels)
        .def("pairs", [](const Factor& F) { return describe(F.pairs()); })
        .def_property_readonly("column",
                               [](const Factor& F) {
                                   return F.column() < 0 ? py::object(py::none())
                                                         : py::object(py::int_(F.column()));
                               })
        .def_static("bytes_for", &Factor::bytes_for, py::arg("n"))
        .def_static("edge_for", &Factor::edge_for, py::arg("n"))
        .def_property_readonly("frobenius", &Factor::frobenius)
        .def_property_readonly("pivot", &Factor::pivot)
        .def_property_readonly("complete", &Factor::complete)
        .def("dense", [](const Factor& F) {
            py::array_t<T> out({F.size(), F.size()});
            F.dense(out.mutable_data());
            return out;
        });
}

// -A B^t by 16-bit tiles, A (m, k), B (n, k), once for each instruction set of this processor.
py::list short_products(const py::array_t<float, py::array::f_style>& A,
                        const py::array_t<float, py::array::f_style>& B) {
    const Index k = A.ndim() == 2 ? A.shape(1) : 0;
    if (A.ndim() != 2 || B.ndim() != 2 || B.shape(1) != k || k % 2 || k > most_short_terms ||
        std::max(A.shape(0), B.shape(0)) > most_short_terms)
        throw py::value_error("A and B must be (m, k) and (n, k), at most 512, and k even");
    const auto tile = [k](const py::array_t<float, py::array::f_style>& X, Buffer<Short>& entries,
                          std::vector<float>& scale) {
        shorten(X.data(), X.shape(0), k, entries.data(), scale.data());
        return ShortTile{entries.data(), scale.data(), X.shape(0), k};
    };
    Buffer<Short> a(ShortTile::entries(A.shape(0), k)), b(ShortTile::entries(B.shape(0), k));
    std::vector<float> of_a(static_cast<std::size_t>(A.shape(0))),
        of_b(static_cast<std::size_t>(B.shape(0)));
    const ShortTile left = tile(A, a, of_a), right = tile(B, b, of_b);
    py::list out;
    for (const ShortSums take : all_short_sums()) {
        py::array_t<float, py::array::f_style> C({A.shape(0), B.shape(0)});
        std::fill_n(C.mutable_data(), C.size(), 0.0f);
        subtract_shorts(part(C.mutable_data(), A.shape(0), 0, 0, A.shape(0), B.shape(0)), left,
                        right, false, take);
        out.append(C);
    }
    return out;
}

py::dict shift_invert(const Solver& factor, const Operator* exact, Index wanted, Index guards,
                      Index block, Index most_basis, double inner_tol, double tol, double floor,
                      Index rounds, std::uint64_t seed, int threads, double window, double spread,
                      py::object ask) {
    if (exact && factor.size() != exact->size())
        throw py::value_error("factor and exact must have one size");
    PythonMonitor monitor{std::move(ask)};
    ShiftInvertOptions o;
    o.wanted = wanted;
    o.guards = guards;
    o.block = block;
    o.most_basis = most_basis;
    o.inner_tol = inner_tol;
    o.tol = tol;
    o.floor = floor;
    o.window = window;
    o.spread = spread;
    o.rounds = rounds;
    o.seed = seed;
    o.threads = threads;
    ShiftInvert solver(factor, exact, o, monitor.monitor);
    const bool interrupted = monitor.run_partial([&](Monitor&) { solver.run(); });
    py::dict d;
    d["ritz_values"] = solver.ritz_values;
    d["with_guards"] = solver.with_guards;
    d["ritz_residuals"] = solver.ritz_residuals;
    d["values"] = solver.values;
    d["residuals"] = solver.residuals;
    d["vectors"] = solver.vectors();
    d["solves"] = solver.solves;
    d["products"] = solver.products;
    d["basis"] = solver.basis();
    d["too_many"] = solver.end == End::too_many;
    d["stopped"] = solver.end == End::stopped;
    d["interrupted"] = interrupted;
    py::list history;
    for (const EigenStep& s : solver.history)
        history.append(py::make_tuple(s.applications, s.value, s.residual));
    d["history"] = history;
    return d;
}

} // namespace

void bind_cholesky(py::module_& m) {
    py::class_<Solver, std::shared_ptr<Solver>>(m, "Solver")
        .def_property_readonly("size", &Solver::size)
        .def_property_readonly("nbytes", &Solver::bytes)
        .def_property_readonly("shift", &Solver::shift)
        .def(
            "solve",
            [](const Solver& F, const py::array_t<double, py::array::f_style>& B, int threads,
               py::object ask) {
                if (B.ndim() != 2 || B.shape(0) != F.size())
                    throw py::value_error("B must have the shape (n, b)");
                Array X = column_major(F.size(), B.shape(1));
                PythonMonitor monitor{std::move(ask)};
                const double* b = B.data();
                double* x = X.mutable_data();
                monitor.run([&](Monitor& mon) { F.solve(b, x, B.shape(1), threads, mon); });
                return X;
            },
            py::arg("B"), py::arg("threads"), py::arg("ask") = py::none());
    bind_factor<double>(m, "Cholesky64");
    bind_factor<float>(m, "Cholesky32");
    m.def("short_products", &short_products, py::arg("A"), py::arg("B"));
    m.attr("SHORTS_PAY") = shorts_pay;
    m.attr("SHORT_NORM") = short_norm;
    m.def("shift_invert", &shift_invert, py::arg("factor"), py::arg("exact"), py::arg("wanted"),
          py::arg("guards"), py::arg("block"), py::arg("most_basis"), py::arg("inner_tol"),
          py::arg("tol"), py::arg("floor"), py::arg("rounds"), py::arg("seed"), py::arg("threads"),
          py::arg("window") = 0.0, py::arg("spread") = 0.0, py::arg("ask") = py::none());
}

} // namespace mehler
