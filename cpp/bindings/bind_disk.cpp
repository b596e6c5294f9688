// Kernel matrices in a file; errors of files.
#include "bindings/files.hpp"
#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "core/stripe_sum.hpp"
#include "disk/disk_gram.hpp"

namespace mehler {

namespace {

template <class T>
void bind_gram_on_disk(py::module_& m, const char* name) {
    using Disk = DiskGram<T>;
    py::class_<Disk, Operator, std::shared_ptr<Disk>>(m, name)
        .def(py::init([](const HeldPoints& X, std::shared_ptr<Profile> h, double top,
                         const std::string& path, const std::string& points_digest,
                         const std::string& kernel_digest, int threads, py::object ask) {
                 if (Disk::fixed && !(top > 0.0 && std::isfinite(top)))
                     throw py::value_error("top must be positive");
                 PythonMonitor monitor{std::move(ask)};
                 std::shared_ptr<Disk> K;
                 monitor.run([&](Monitor& mon) {
                     K = std::make_shared<Disk>(X.points, h, top, path, digest(points_digest),
                                                digest(kernel_digest), threads, mon);
                 });
                 return K;
             }),
             py::arg("points"), py::arg("profile"), py::arg("top"), py::arg("path"),
             py::arg("points_digest"), py::arg("kernel_digest"), py::arg("threads"),
             py::arg("ask") = py::none(), py::keep_alive<1, 2>())
        .def_property_readonly("unit", &Disk::unit)
        .def_property_readonly("path", &Disk::path)
        .def_property_readonly("on_disk", &Disk::on_disk)
        .def_readonly("found", &Disk::found)
        .def("direct", &Disk::direct, py::arg("wanted"))
        .def_static("bytes_for", &Disk::bytes_for, py::arg("n"), py::arg("threads"))
        .def_static("file_bytes", &Disk::file_bytes, py::arg("n"))
        .def(
            "frobenius",
            [](const Disk& K, int threads) {
                PythonMonitor monitor{py::none()};
                double norm = 0.0;
                monitor.run([&](Monitor& mon) { norm = K.frobenius(threads, mon); });
                return norm;
            },
            py::arg("threads"))
        .def(
            "verify",
            [](const Disk& K, int threads) {
                PythonMonitor monitor{py::none()};
                monitor.run([&](Monitor& mon) { K.verify(threads, mon); });
            },
            py::arg("threads"))
        .def("diagonal",
             [](const Disk& K) {
                 Array d(K.size());
                 K.diagonal(d.mutable_data());
                 return d;
             })
        .def("pairs", [](const Disk& K) { return describe(K.pairs()); })
        .def(
            "dense",
            [](const Disk& K, int threads) {
                py::array_t<typename Disk::Value> out({K.size(), K.size()});
                auto* p = out.mutable_data();
                PythonMonitor monitor{py::none()};
                monitor.run([&](Monitor& mon) { K.dense(p, threads, mon); });
                return out;
            },
            py::arg("threads"));
}

} // namespace

void bind_disk(py::module_& m) {
    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p)
                std::rethrow_exception(p);
        } catch (const FileError& error) {
            if (error.code == 0) {
                PyErr_SetString(PyExc_ValueError, error.what());
                return;
            }
            const py::object made = py::reinterpret_borrow<py::object>(PyExc_OSError)(
                error.code, error.what(), error.path);
            PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
        }
    });
    bind_gram_on_disk<double>(m, "Disk64");
    bind_gram_on_disk<float>(m, "Disk32");
    bind_gram_on_disk<std::int32_t>(m, "DiskFixed32");
    m.def(
        "checksum",
        [](const py::bytes& data, std::uint64_t seed) {
            const std::string_view bytes = data;
            return Checksum::of(bytes.data(), static_cast<Index>(bytes.size()), seed);
        },
        py::arg("data"), py::arg("seed") = 0);
    m.def(
        "stripe_sum",
        [](const py::bytes& data, std::uint64_t seed) {
            const std::string_view bytes = data;
            return StripeSum::of(bytes.data(), static_cast<Index>(bytes.size()), seed);
        },
        py::arg("data"), py::arg("seed") = 0);
}

} // namespace mehler
