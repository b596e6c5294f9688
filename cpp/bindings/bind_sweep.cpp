// Several kernel matrices of the same points at once.
#include "bindings/nouns.hpp"
#include "bindings/points.hpp"
#include "gram/cholesky.hpp"
#include "gram/many.hpp"

namespace mehler {

namespace {

template <class T>
py::list packed(const py::object& X, const Profiles& profiles, const std::vector<double>& tops,
                int threads, py::object ask) {
    const auto points = X.cast<const HeldPoints&>().points;
    PythonMonitor monitor{std::move(ask)};
    std::vector<std::shared_ptr<PackedGram<T>>> made;
    monitor.run([&](Monitor& m) { made = fill_many<T>(points, profiles, tops, threads, m); });
    py::list out;
    for (auto& K : made) {
        py::object one = py::cast(std::move(K));
        py::detail::keep_alive_impl(one, X); // the points' array
        out.append(std::move(one));
    }
    return out;
}

template <class T>
void bind_factor_of(py::module_& m) {
    m.def(
        "factor_of",
        [](const PackedGram<T>& K, int threads, py::object ask) {
            PythonMonitor monitor{std::move(ask)};
            std::shared_ptr<TiledCholesky<T>> F;
            monitor.run(
                [&](Monitor& mon) { F = std::make_shared<TiledCholesky<T>>(K, threads, mon); });
            return F;
        },
        py::arg("K"), py::arg("threads"), py::arg("ask") = py::none());
}

} // namespace

void bind_sweep(py::module_& m) {
    m.def(
        "packed_many",
        [](const py::object& points, const std::vector<std::shared_ptr<Profile>>& profiles,
           const std::string& dtype, int threads, py::object ask, std::vector<double> tops) {
            const Profiles all(profiles.begin(), profiles.end());
            if (dtype != "fixed32")
                tops.resize(all.size());
            if (tops.size() != all.size())
                throw py::value_error("tops must hold one number a profile");
            const auto make = dtype == "fixed32"   ? packed<std::int32_t>
                              : dtype == "float32" ? packed<float>
                                                   : packed<double>;
            return make(points, all, tops, threads, std::move(ask));
        },
        py::arg("points"), py::arg("profiles"), py::arg("dtype"), py::arg("threads"),
        py::arg("ask") = py::none(), py::arg("tops") = std::vector<double>());
    bind_factor_of<double>(m);
    bind_factor_of<float>(m);
}

} // namespace mehler
