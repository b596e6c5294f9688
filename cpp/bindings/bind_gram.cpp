// Points and the kernel matrices of points.
#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "gram/dense.hpp"
#include "gram/recomputed.hpp"

namespace mehler {

namespace {

HeldPoints make_points(const py::array& X, double exponent, bool unit, int threads,
                       std::shared_ptr<PointLayers> layers) {
    const double* x = rows(X, 2, "X");
    PythonMonitor monitor{py::none()};
    HeldPoints held{nullptr, X};
    if (layers && layers->n() != X.shape(0))
        throw py::value_error("layers must be those of the n points");
    monitor.run([&](Monitor& m) {
        auto points =
            std::make_shared<Points>(x, X.shape(0), X.shape(1), exponent, unit, threads, m);
        points->bring(std::move(layers));
        held.points = std::move(points);
    });
    return held;
}

// Y = K V for V (n, b) Fortran-ordered.
Array multiply(const Operator& K, const py::array_t<double, py::array::f_style>& V, int threads) {
    if (V.ndim() != 2 || V.shape(0) != K.size())
        throw py::value_error("V must have the shape (n, b)");
    Array Y = column_major(K.size(), V.shape(1));
    PythonMonitor monitor{py::none()};
    const double* v = V.data();
    double* y = Y.mutable_data();
    monitor.run([&](Monitor& m) { K.apply(v, y, V.shape(1), threads, m); });
    return Y;
}

template <class T>
void bind_packed(py::module_& m, const char* name) {
    using Packed = PackedGram<T>;
    py::class_<Packed, Operator, std::shared_ptr<Packed>>(m, name)
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h, int threads,
                         py::object ask, double top) {
                 if (Packed::fixed && !(top > 0.0 && std::isfinite(top)))
                     throw py::value_error("top must be positive");
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<Packed> K;
                 monitor.run([&](Monitor& mon) {
                     K = std::make_shared<Packed>(X.points, h, top, threads, mon);
                 });
                 return K;
             }),
             py::arg("points"), py::arg("profile"), py::arg("threads"), py::arg("ask") = py::none(),
             py::arg("top") = 0.0, py::keep_alive<1, 2>())
        .def_property_readonly("unit", &Packed::unit)
        .def(
            "frobenius",
            [](const Packed& K, int threads) {
                PythonMonitor monitor{py::none()};
                double norm = 0.0;
                monitor.run([&](Monitor& mon) { norm = K.frobenius(threads, mon); });
                return norm;
            },
            py::arg("threads"))
        .def("diagonal",
             [](const Packed& K) {
                 Array d(K.size());
                 K.diagonal(d.mutable_data());
                 return d;
             })
        .def("pairs", [](const Packed& K) { return describe(K.pairs()); })
        .def(
            "dense",
            [](const Packed& K, int threads) {
                py::array_t<typename Packed::Value> out({K.size(), K.size()});
                auto* p = out.mutable_data();
                PythonMonitor monitor{py::none()};
                monitor.run([&](Monitor& mon) { K.dense(p, threads, mon); });
                return out;
            },
            py::arg("threads"));
}

} // namespace

void bind_gram(py::module_& m) {
    py::class_<HeldPoints>(m, "Points")
        .def(py::init(&make_points), py::arg("X"), py::arg("exponent"), py::arg("unit"),
             py::arg("threads"), py::arg("layers") = py::none())
        .def_property_readonly("nbytes", [](const HeldPoints& P) { return P.points->bytes(); })
        .def_property_readonly("d", [](const HeldPoints& P) { return P.points->d(); })
        .def_property_readonly("unit",
                               [](const py::object& self) { // a view
                                   const Points& P = *self.cast<const HeldPoints&>().points;
                                   Array view({P.n(), P.d()}, P.unit(), self);
                                   view.attr("setflags")(py::arg("write") = false);
                                   return view;
                               })
        .def_property_readonly("layered",
                               [](const HeldPoints& P) { return P.points->layers() != nullptr; })
        .def("diagonal",
             [](const HeldPoints& P) { // K_ii of points that bring layers
                 const PointLayers* layers = P.points->layers();
                 Array out(layers ? layers->n() : 0);
                 for (Index i = 0; i < out.size(); ++i)
                     out.mutable_data()[i] = layers->diagonal(i);
                 return out;
             })
        .def("norms", [](const HeldPoints& P) {
            Array out(P.points->n());
            for (Index i = 0; i < P.points->n(); ++i)
                out.mutable_data()[i] = P.points->norm(i);
            return out;
        });

    py::class_<Operator, std::shared_ptr<Operator>>(m, "Operator")
        .def_property_readonly("size", &Operator::size)
        .def_property_readonly("nbytes", &Operator::bytes)
        .def("multiply", &multiply, py::arg("V"), py::arg("threads"));

    bind_packed<double>(m, "Packed64");
    bind_packed<float>(m, "Packed32");
    bind_packed<std::int32_t>(m, "PackedFixed32");

    py::class_<RecomputedGram, Operator, std::shared_ptr<RecomputedGram>>(m, "Recomputed")
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h) {
                 return std::make_shared<RecomputedGram>(X.points, h);
             }),
             py::arg("points"), py::arg("profile"), py::keep_alive<1, 2>());

    py::class_<DenseOperator, Operator, std::shared_ptr<DenseOperator>>(m, "DenseOperator")
        .def(py::init([](const py::array& A) {
                 const double* a = rows(A, 2, "A");
                 if (A.shape(0) != A.shape(1))
                     throw py::value_error("A must be square");
                 return std::make_shared<DenseOperator>(a, A.shape(0));
             }),
             py::arg("A"), py::keep_alive<1, 2>());

    m.def(
        "dense_gram",
        [](const HeldPoints& X, std::shared_ptr<Profile> h, const std::string& dtype, int threads,
           py::object ask) {
            const Index n = X.points->n();
            PythonMonitor monitor{std::move(ask)};
            Pairs pairs;
            py::array K;
            if (dtype == "float32") {
                py::array_t<float> out({n, n});
                float* p = out.mutable_data();
                monitor.run(
                    [&](Monitor& mon) { pairs = fill_dense(*X.points, *h, p, threads, mon); });
                K = out;
            } else {
                Array out({n, n});
                double* p = out.mutable_data();
                monitor.run(
                    [&](Monitor& mon) { pairs = fill_dense(*X.points, *h, p, threads, mon); });
                K = out;
            }
            return py::make_tuple(K, describe(pairs));
        },
        py::arg("points"), py::arg("profile"), py::arg("dtype"), py::arg("threads"),
        py::arg("ask") = py::none());
    m.def(
        "cross_gram",
        [](const HeldPoints& X, const HeldPoints& Y, std::shared_ptr<Profile> h, int threads) {
            if (X.points->d() != Y.points->d())
                throw py::value_error("X and Y must have one dimension d");
            const PointLayers *a = X.points->layers(), *b = Y.points->layers();
            if (!a != !b || (a && &a->stack() != &b->stack()))
                throw py::value_error("X and Y must bring layers of one stack");
            Array out({X.points->n(), Y.points->n()});
            double* p = out.mutable_data();
            PythonMonitor monitor{py::none()};
            monitor.run(
                [&](Monitor& mon) { fill_cross(*X.points, *Y.points, *h, p, threads, mon); });
            return out;
        },
        py::arg("X"), py::arg("Y"), py::arg("profile"), py::arg("threads"));
}

} // namespace mehler
