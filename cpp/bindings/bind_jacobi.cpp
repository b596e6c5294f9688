// The factored route: the factor of rows that stream by, and its singular values.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "solve/jacobi_svd.hpp"
#include "solve/triangular_factor.hpp"

namespace mehler {

namespace {

Array array_of(const Eigen::MatrixXd& A) {
    Array out({static_cast<Index>(A.rows()), static_cast<Index>(A.cols())});
    Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
        out.mutable_data(), A.rows(), A.cols()) = A;
    return out;
}

TriangularFactor::Rows rows_of(const py::array& A, const char* name) {
    const double* data = rows(A, 2, name);
    return {data, A.shape(0), A.shape(1)};
}

// Z = W X^t, (k, n): each entry one sum in the order of the coordinates, whatever the threads.
Array products(const py::array& W, const py::array& X, int threads) {
    const auto w = rows_of(W, "W"), x = rows_of(X, "X");
    if (w.cols() != x.cols())
        throw py::value_error("W and X must have one number of columns");
    Array out({static_cast<Index>(w.rows()), static_cast<Index>(x.rows())});
    Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> Z(
        out.mutable_data(), w.rows(), x.rows());
    constexpr Index height = 256;
    Monitor monitor;
    py::gil_scoped_release release;
    parallel_for((w.rows() + height - 1) / height, threads, monitor, [&](Index b) {
        const Index from = b * height, count = std::min(height, w.rows() - from);
        Z.middleRows(from, count).noalias() = w.middleRows(from, count) * x.transpose();
    });
    return out;
}

// S += A^t A, the lower triangle by tiles, one sum a tile and call.
void add_squares(const py::array& A, py::array_t<double>& S, int threads) {
    const auto a = rows_of(A, "A");
    const Index n = a.cols();
    rows(S, 2, "S");
    if (S.shape(0) != n || S.shape(1) != n)
        throw py::value_error("S must have the shape (n, n)");
    Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> s(
        S.mutable_data(), n, n);
    constexpr Index edge = 256;
    const Index panels = (n + edge - 1) / edge;
    Monitor monitor;
    py::gil_scoped_release release;
    parallel_for(panels * panels, threads, monitor, [&](Index t) {
        const Index i = t / panels, j = t % panels;
        if (i < j)
            return;
        const Index h = std::min(edge, n - i * edge), w = std::min(edge, n - j * edge);
        s.block(i * edge, j * edge, h, w).noalias() +=
            a.middleCols(i * edge, h).transpose() * a.middleCols(j * edge, w);
    });
}

} // namespace

void bind_jacobi(py::module_& m) {
    py::class_<TriangularFactor>(m, "TriangularFactor")
        .def(py::init<Index, Index>(), py::arg("n"), py::arg("height"))
        .def(
            "push",
            [](TriangularFactor& self, const py::array& A, int threads, const py::object& ask) {
                PythonMonitor python(ask);
                const auto a = rows_of(A, "A");
                python.run([&](Monitor& monitor) { self.push(a, threads, monitor); });
            },
            py::arg("A"), py::arg("threads"), py::arg("ask") = py::none())
        .def(
            "factor",
            [](const TriangularFactor& self, int threads, const py::object& ask) {
                PythonMonitor python(ask);
                Eigen::MatrixXd R;
                python.run([&](Monitor& monitor) { R = self.factor(threads, monitor); });
                return array_of(R);
            },
            py::arg("threads"), py::arg("ask") = py::none());
    m.def(
        "jacobi_svd",
        [](const py::array& A, int threads, const py::object& ask) {
            PythonMonitor python(ask);
            Eigen::MatrixXd copy = rows_of(A, "A");
            std::unique_ptr<JacobiSvd> svd;
            python.run([&](Monitor& monitor) {
                svd = std::make_unique<JacobiSvd>(copy, threads, monitor);
            });
            py::dict found;
            Array values(svd->values().size());
            std::copy(svd->values().begin(), svd->values().end(), values.mutable_data());
            found["values"] = values;
            found["vectors"] = array_of(svd->vectors());
            found["sweeps"] = svd->sweeps();
            found["converged"] = svd->converged();
            return found;
        },
        py::arg("A"), py::arg("threads"), py::arg("ask") = py::none());
    m.def("products", &products, py::arg("W"), py::arg("X"), py::arg("threads"));
    m.def("add_squares", &add_squares, py::arg("A"), py::arg("S"), py::arg("threads"));
}

} // namespace mehler
