// Parts of a kernel matrix, for processes that hold a part each.
#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "gram/leaf.hpp"

namespace mehler {

namespace {

// As ``describe``, each coinciding pair with its deficit, by which lists of parts are joined.
py::dict describe_with_deficits(const Pairs& pairs) {
    py::dict d = describe(pairs);
    py::list equal, opposite;
    for (const Pair& p : pairs.equal)
        equal.append(pair(p));
    for (const Pair& p : pairs.opposite)
        opposite.append(pair(p));
    d["equal"] = equal;
    d["opposite"] = opposite;
    return d;
}

void check_leaf(Index n, Index l) {
    if (n < 1 || l < 0 || l >= leaves_of(Tiling(n)))
        throw py::value_error("a leaf is numbered from 0 below leaf_count(n)");
}

template <class T>
void bind_leaf(py::module_& m, const char* name) {
    using L = Leaf<T>;
    py::class_<L, std::shared_ptr<L>>(m, name)
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h, Index n, Index l,
                         bool held, int threads, py::object ask, double top) {
                 check_leaf(n, l);
                 if (L::fixed && !(top > 0.0 && std::isfinite(top)))
                     throw py::value_error("top must be positive");
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<L> made;
                 monitor.run([&](Monitor& mon) {
                     made = std::make_shared<L>(X.points, h, n, l, top, held, threads, mon);
                 });
                 return made;
             }),
             py::arg("points"), py::arg("profile"), py::arg("n"), py::arg("leaf"), py::arg("held"),
             py::arg("threads"), py::arg("ask") = py::none(), py::arg("top") = 0.0,
             py::keep_alive<1, 2>())
        .def_property_readonly("nbytes", [](const L& leaf) { return leaf.bytes(); })
        .def("pairs", [](const L& leaf) { return describe_with_deficits(leaf.pairs()); })
        .def(
            "squares",
            [](const L& leaf, int threads) {
                PythonMonitor monitor{py::none()};
                double total = 0.0;
                monitor.run([&](Monitor& mon) { total = leaf.squares(threads, mon); });
                return total;
            },
            py::arg("threads"))
        .def_static(
            "rows",
            [](Index n, Index l) {
                check_leaf(n, l);
                return L::rows(n, l);
            },
            py::arg("n"), py::arg("leaf"))
        .def_static(
            "bytes_for",
            [](Index n, Index l) {
                check_leaf(n, l);
                return L::bytes(n, l);
            },
            py::arg("n"), py::arg("leaf"));
    m.def(
        "node_products",
        [](const std::vector<std::vector<std::shared_ptr<L>>>& nodes,
           const py::array_t<double, py::array::f_style>& V, int threads, py::object ask) {
            if (nodes.empty())
                throw py::value_error("there must be a node");
            std::vector<Array> sums;
            std::vector<Node<T>> parts;
            for (const auto& leaves : nodes) {
                if (leaves.empty() || !std::has_single_bit(leaves.size()))
                    throw py::value_error("a node has 1, 2, 4, ... leaves");
                const Index n = leaves.front()->tiling().n;
                if (V.ndim() != 2 || V.shape(0) != n)
                    throw py::value_error("V must have the shape (n, b)");
                sums.push_back(column_major(n, V.shape(1)));
                parts.push_back({leaves, sums.back().mutable_data()});
            }
            PythonMonitor monitor{std::move(ask)};
            const double* v = V.data();
            const Index b = V.shape(1);
            monitor.run([&](Monitor& mon) { node_products(parts, v, b, threads, mon); });
            return sums;
        },
        py::arg("nodes"), py::arg("V"), py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace

void bind_leaves(py::module_& m) {
    m.def(
        "leaf_count",
        [](Index n) {
            if (n < 1)
                throw py::value_error("n must be >= 1");
            return leaves_of(Tiling(n));
        },
        py::arg("n"));
    bind_leaf<double>(m, "Leaf64");
    bind_leaf<float>(m, "Leaf32");
    bind_leaf<std::int32_t>(m, "LeafFixed32");
}

} // namespace mehler
