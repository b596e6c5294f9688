// The sparse inverse, operators made of operators, and what a random start proves.
#include <pybind11/eigen.h>

#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "gram/sparse_inverse.hpp"
#include "solve/combined.hpp"
#include "solve/random_bound.hpp"

namespace mehler {

namespace {

std::shared_ptr<SparseInverse> sparse_inverse(const HeldPoints& X,
                                              const std::shared_ptr<Profile>& h,
                                              const std::vector<double>& low, const py::array& C,
                                              const py::array_t<Index, py::array::c_style>& order,
                                              Index m, int threads, py::object ask, double shift) {
    const Index n = X.points->n();
    if (order.ndim() != 1 || order.size() != n)
        throw py::value_error("order must hold the n points");
    std::vector<char> seen(static_cast<std::size_t>(n), 0);
    for (Index i = 0; i < n; ++i) {
        const Index j = order.data()[i];
        if (j < 0 || j >= n || seen[static_cast<std::size_t>(j)]++)
            throw py::value_error("order must be a permutation");
    }
    const double* features = rows(C, 2, "C");
    if (C.shape(0) != n)
        throw py::value_error("C must have the shape (n, r)");
    const Index r = C.shape(1);
    if (m < 0)
        throw py::value_error("the number of neighbours must be >= 0");
    PythonMonitor monitor{std::move(ask)};
    std::shared_ptr<SparseInverse> made;
    const Index* ranks = order.data();
    monitor.run([&](Monitor& mon) {
        made = std::make_shared<SparseInverse>(*X.points, *h, low, features, r, ranks, m, shift,
                                               threads, mon);
    });
    return made;
}

py::dict random_bound(const Operator& A, const Matrix& V, Index most, double delta, double enough,
                      double target, std::uint64_t seed, Index count, int threads, py::object ask) {
    if (V.size() && V.rows() != A.size())
        throw py::value_error("V must have the shape (n, m)");
    PythonMonitor monitor{std::move(ask)};
    RandomBoundOptions options{most, delta, enough, target, seed, threads};
    RandomBound bound(A, V.size() ? V : Matrix(A.size(), 0), options, monitor.monitor);
    Matrix vectors;
    Vector values, residuals;
    const bool interrupted = monitor.run_partial([&](Monitor&) {
        bound.run();
        if (bound.steps > 0 && count > 0 && !bound.stopped)
            bound.pairs(count, values, vectors, residuals);
    });
    py::dict d;
    d["lower"] = bound.lower;
    d["ritz"] = bound.ritz;
    d["largest"] = bound.largest;
    d["steps"] = bound.steps;
    d["values"] = values;
    d["vectors"] = vectors;
    d["residuals"] = residuals;
    d["stopped"] = bound.stopped;
    d["interrupted"] = interrupted;
    return d;
}

} // namespace

void bind_sparse(py::module_& m) {
    using Shared = std::shared_ptr<Operator>;
    py::class_<SparseInverse, Operator, std::shared_ptr<SparseInverse>>(m, "SparseInverse")
        .def(py::init(&sparse_inverse), py::arg("points"), py::arg("profile"), py::arg("low"),
             py::arg("C"), py::arg("order"), py::arg("m"), py::arg("threads"),
             py::arg("ask") = py::none(), py::arg("shift") = 0.0)
        .def_property_readonly("neighbours", &SparseInverse::neighbours)
        .def_property_readonly("raised", &SparseInverse::raised)
        .def("pairs", [](const SparseInverse& Q) { return describe(Q.pairs()); })
        .def_static("bytes_for", &SparseInverse::bytes_for, py::arg("n"), py::arg("m"));
    py::class_<SparseFactor, Operator, std::shared_ptr<SparseFactor>>(m, "SparseFactor")
        .def(py::init([](std::shared_ptr<SparseInverse> whole, bool transposed) {
                 return std::make_shared<SparseFactor>(std::move(whole), transposed);
             }),
             py::arg("whole"), py::arg("transposed"));
    py::class_<Composition, Operator, std::shared_ptr<Composition>>(m, "Composition")
        .def(py::init([](const std::vector<Shared>& factors) {
                 if (factors.empty())
                     throw py::value_error("a composition needs a factor");
                 return std::make_shared<Composition>(
                     std::vector<std::shared_ptr<const Operator>>(factors.begin(), factors.end()));
             }),
             py::arg("factors"), py::keep_alive<1, 2>());
    py::class_<Identity, Operator, std::shared_ptr<Identity>>(m, "Identity")
        .def(py::init<Index>(), py::arg("n"));
    py::class_<LowRankChange, Operator, std::shared_ptr<LowRankChange>>(m, "LowRankChange")
        .def(py::init([](const Shared& A, double scale, double shift,
                         const Eigen::Ref<const Matrix>& G, Matrix M) {
                 if (G.rows() != A->size() || M.rows() != G.cols() || M.cols() != G.cols())
                     throw py::value_error("G must have the shape (n, r), M (r, r)");
                 return std::make_shared<LowRankChange>(A, scale, shift, G, std::move(M));
             }),
             py::arg("A"), py::arg("scale"), py::arg("shift"), py::arg("G"), py::arg("M"),
             py::keep_alive<1, 2>());
    m.def("random_bound", &random_bound, py::arg("A"), py::arg("V"), py::arg("most"),
          py::arg("delta"), py::arg("enough"), py::arg("target"), py::arg("seed"), py::arg("count"),
          py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace mehler
