// Duals of layers for points of unequal norm, and what points bring to them.
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "kernel/layers.hpp"
#include "kernel/polynomial_dual.hpp"
#include "kernel/spline_dual.hpp"

namespace mehler {

namespace {

std::vector<double> values(const py::array& a, int ndim, const char* name) {
    const double* p = rows(a, ndim, name);
    return {p, p + a.size()};
}

RowMatrix matrix(const py::array& a) {
    const double* p = rows(a, 2, "coefficients");
    return Eigen::Map<const RowMatrix>(p, a.shape(0), a.shape(1));
}

Surface::Matrices matrices(const std::vector<py::array>& all) {
    Surface::Matrices out;
    for (const py::array& a : all)
        out.push_back(matrix(a));
    return out;
}

std::vector<SplineDual::Kink> kinks(const py::array& a) {
    const double* p = rows(a, 2, "kinks");
    std::vector<SplineDual::Kink> out;
    for (Index k = 0; k < a.shape(0); ++k)
        out.push_back({p[3 * k], p[3 * k + 1], p[3 * k + 2]});
    return out;
}

LayerStack::Kind kind_of(const std::string& name) {
    if (name == "nngp")
        return LayerStack::Kind::nngp;
    return name == "ntk" ? LayerStack::Kind::ntk : LayerStack::Kind::gradient;
}

using Dual = std::shared_ptr<NormDual>;

std::shared_ptr<LayerStack> make_stack(const std::string& kind, double weight, double bias,
                                       const std::vector<std::pair<Dual, Dual>>& layers) {
    auto stack = std::make_shared<LayerStack>(LayerStack{kind_of(kind), weight, bias, {}});
    for (const auto& [phi, dphi] : layers)
        stack->layers.push_back({phi, dphi});
    return stack;
}

// tables: for each layer (deviation, sigma, delta, rows of phi, rows of phi').
std::shared_ptr<PointLayers> make_layers(std::shared_ptr<LayerStack> stack,
                                         const std::vector<std::vector<py::array>>& tables,
                                         const py::array& diagonal) {
    std::vector<PointLayers::Layer> layers;
    for (std::size_t l = 0; l < tables.size(); ++l) {
        const auto& t = tables[l];
        const auto wide = [&](const std::shared_ptr<const NormDual>& dual, std::size_t k) {
            if (dual && (t[k].shape(0) != diagonal.size() || t[k].shape(1) != dual->columns()))
                throw py::value_error("rows must have the shape (n, columns of the dual)");
            return values(t[k], 2, "rows");
        };
        layers.push_back({values(t[0], 1, "deviation"), values(t[1], 1, "sigma"),
                          values(t[2], 1, "delta"), wide(stack->layers[l].phi, 3),
                          wide(stack->layers[l].dphi, 4)});
    }
    return std::make_shared<PointLayers>(stack, std::move(layers), values(diagonal, 1, "diagonal"));
}

// One dual at all pairs of rows, for cosines 1 - minus = plus - 1 (left, right).
Array evaluate(const NormDual& dual, const py::array& left, const py::array& right,
               const py::array& minus, const py::array& plus) {
    const double *a = rows(left, 2, "left"), *b = rows(right, 2, "right");
    const double *m = rows(minus, 2, "minus"), *p = rows(plus, 2, "plus");
    const Index n = left.shape(0), k = right.shape(0), w = dual.columns();
    Array out({n, k, Index{2}});
    Buffer<double> space(NormDual::arrays * NormDual::entries), one(2 * NormDual::stretch);
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < k; j += NormDual::stretch) {
            const Index count = std::min(NormDual::stretch, k - j);
            dual.evaluate({a + i * w, 1}, {b + j * w, count}, m + i * k + j, p + i * k + j,
                          one.data(), one.data() + NormDual::stretch, space.data());
            for (Index c = 0; c < count; ++c)
                for (Index side = 0; side < 2; ++side)
                    out.mutable_data()[2 * (i * k + j + c) + side] =
                        one[side * NormDual::stretch + c];
        }
    return out;
}

} // namespace

void bind_layers(py::module_& m) {
    py::class_<NormDual, Dual>(m, "NormDual")
        .def_property_readonly("columns", &NormDual::columns)
        .def("evaluate", &evaluate, py::arg("left"), py::arg("right"), py::arg("minus"),
             py::arg("plus"));
    py::class_<Surface, NormDual, std::shared_ptr<Surface>>(m, "Surface")
        .def(py::init([](bool root, int parity, Index rank, const py::array& drop,
                         const py::array& end, const std::vector<py::array>& even,
                         const std::vector<py::array>& odd) {
                 return std::make_shared<Surface>(root, parity, rank, matrix(drop), matrix(end),
                                                  matrices(even), matrices(odd));
             }),
             py::arg("root"), py::arg("parity"), py::arg("rank"), py::arg("drop"), py::arg("end"),
             py::arg("even"), py::arg("odd"));
    py::class_<SplineDual, NormDual, std::shared_ptr<SplineDual>>(m, "SplineDual")
        .def(py::init([](Index order, bool odd, const py::array& base, const py::array& jumps,
                         const py::array& nodes, const py::array& weights) {
                 if (nodes.size() % 4 || nodes.size() != weights.size())
                     throw py::value_error("a rule must have a multiple of four nodes");
                 return std::make_shared<SplineDual>(order, odd, values(base, 1, "base"),
                                                     kinks(jumps), values(nodes, 1, "nodes"),
                                                     values(weights, 1, "weights"));
             }),
             py::arg("order"), py::arg("odd"), py::arg("base"), py::arg("kinks"), py::arg("nodes"),
             py::arg("weights"));
    py::class_<PolynomialDual, NormDual, std::shared_ptr<PolynomialDual>>(m, "PolynomialDual")
        .def(py::init<int, Index>(), py::arg("parity"), py::arg("degree"));
    py::class_<LayerStack, std::shared_ptr<LayerStack>>(m, "LayerStack")
        .def(py::init(&make_stack), py::arg("kind"), py::arg("weight"), py::arg("bias"),
             py::arg("layers"));
    py::class_<PointLayers, std::shared_ptr<PointLayers>>(m, "PointLayers")
        .def(py::init(&make_layers), py::arg("stack"), py::arg("tables"), py::arg("diagonal"));
}

} // namespace mehler
