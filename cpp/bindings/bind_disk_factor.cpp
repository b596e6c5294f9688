// The Cholesky factor in a file.
#include <algorithm>

#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "disk/cholesky.hpp"

namespace mehler {

namespace {

std::array<char, FactorKey::digest_bytes> digest_of(const py::bytes& digest) {
    const std::string_view text = digest;
    std::array<char, FactorKey::digest_bytes> out;
    if (text.size() != out.size())
        throw py::value_error("the digest must have 32 bytes");
    std::copy(text.begin(), text.end(), out.begin());
    return out;
}

template <class T>
void bind_factor(py::module_& m, const char* name) {
    using Factor = OutOfCoreCholesky<T>;
    py::class_<Factor, Solver, std::shared_ptr<Factor>>(m, name)
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h,
                         std::shared_ptr<Survey> survey, double shift, std::string path,
                         const py::bytes& digest, Index budget) {
                 return std::make_shared<Factor>(*X.points, std::move(h), std::move(survey), shift,
                                                 std::move(path), digest_of(digest), budget);
             }),
             py::arg("points"), py::arg("profile"), py::arg("survey"), py::arg("shift"),
             py::arg("path"), py::arg("digest"), py::arg("budget"), py::keep_alive<1, 2>())
        .def(
            "factor",
            [](Factor& F, int threads, py::object ask) {
                if (F.factored())
                    throw std::logic_error("the tiles were factored before");
                PythonMonitor monitor{std::move(ask)};
                monitor.run([&](Monitor& mon) { F.factor(threads, mon); });
                return F.complete();
            },
            py::arg("threads"), py::arg("ask") = py::none())
        .def(
            "block",
            [](const Factor& F, Index first, Index count, int threads, py::object ask) {
                PythonMonitor monitor{std::move(ask)};
                std::shared_ptr<TiledCholesky<T>> B;
                monitor.run([&](Monitor& mon) { B = F.block(first, count, threads, mon); });
                return B;
            },
            py::arg("first"), py::arg("count"), py::arg("threads"), py::arg("ask") = py::none())
        .def("lower", &Factor::lower, py::arg("by"))
        .def(
            "pair_bound",
            [](const Factor& F, int, const py::object&) { return F.survey().pair_bound(); },
            py::arg("threads"), py::arg("ask") = py::none())
        .def_property_readonly("panels", &Factor::panels)
        .def("pairs", [](const Factor& F) { return describe(F.survey().pairs()); })
        .def_property_readonly("column",
                               [](const Factor& F) {
                                   return F.column() < 0 ? py::object(py::none())
                                                         : py::object(py::int_(F.column()));
                               })
        .def_static("bytes_for", &Factor::least_bytes, py::arg("n"))
        .def_static("file_bytes", &Factor::file_bytes, py::arg("n"))
        .def_static(
            "edge_for", [](Index n) { return FactorTiling(n).edge; }, py::arg("n"))
        .def_property_readonly("most_nbytes", &Factor::most_bytes)
        .def_property_readonly("frobenius", [](const Factor& F) { return F.survey().frobenius(); })
        .def_property_readonly("pivot", &Factor::pivot)
        .def_property_readonly("complete", &Factor::complete)
        .def_property_readonly("resumed", &Factor::resumed)
        .def_property_readonly("written", &Factor::written)
        .def_property_readonly("read", &Factor::read);
}

// None where there is no file at the path.
py::object factor_file(const std::string& path) {
    FactorKey key{};
    Index done = 0;
    if (!FactorFile::look(path, key, done))
        return py::none();
    py::dict d;
    d["digest"] = py::bytes(key.digest.data(), key.digest.size());
    d["n"] = key.n;
    d["dtype"] = key.width == 8 ? "float64" : "float32";
    d["shift"] = key.shift;
    d["done"] = done;
    d["panels"] = FactorTiling(key.n, key.edge).panels;
    return d;
}

} // namespace

void bind_disk_factor(py::module_& m) {
    py::class_<Survey, std::shared_ptr<Survey>>(m, "Survey")
        .def(py::init(
                 [](const HeldPoints& X, std::shared_ptr<Profile> h, int threads, py::object ask) {
                     PythonMonitor monitor{std::move(ask)};
                     std::shared_ptr<Survey> S;
                     monitor.run([&](Monitor& mon) {
                         S = std::make_shared<Survey>(*X.points, *h, threads, mon);
                     });
                     return S;
                 }),
             py::arg("points"), py::arg("profile"), py::arg("threads"), py::arg("ask") = py::none())
        .def("pairs", [](const Survey& S) { return describe(S.pairs()); })
        .def_property_readonly("frobenius", &Survey::frobenius)
        .def_property_readonly("pair_bound", &Survey::pair_bound);
    bind_factor<double>(m, "OutOfCore64");
    bind_factor<float>(m, "OutOfCore32");
    m.def("factor_file", &factor_file, py::arg("path"));
}

} // namespace mehler
