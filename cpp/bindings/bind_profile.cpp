// Profile: the compiled h(rho).
#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "kernel/profile.hpp"

namespace mehler {

namespace {

std::vector<double> list(const py::array& a) {
    const double* p = rows(a, 1, "coefficients");
    return {p, p + a.size()};
}

std::shared_ptr<Profile> make(const std::string& variable, const py::array& ends,
                              const py::array& even, const py::array& odd,
                              const std::optional<py::array>& pieces,
                              const std::optional<py::array>& quarters, double cut) {
    if (variable != "sqrt" && variable != "linear")
        throw py::value_error("variable must be 'sqrt' or 'linear'; got '" + variable + "'");
    const bool root = variable == "sqrt";
    const double* end = rows(ends, 1, "ends");
    if (ends.size() != 2)
        throw py::value_error("ends must hold (h(1), h(-1))");
    if (quarters) {
        if (quarters->ndim() != 2 || quarters->shape(0) < 1 || quarters->shape(1) != 4)
            throw py::value_error("quarters must have the shape (D + 1, 4)");
        if (!(cut > 0.0 && cut < 1.0))
            throw py::value_error("cut must lie between 0 and 1");
        const double* q = rows(*quarters, 2, "quarters");
        return std::make_shared<Profile>(root, end[0], end[1],
                                         std::vector<double>(q, q + quarters->size()), cut);
    }
    if (!pieces)
        return std::make_shared<Profile>(root, end[0], end[1], list(even), list(odd));
    const double* c = rows(*pieces, 3, "pieces");
    if (pieces->shape(0) != 2 || pieces->shape(1) < 1 || pieces->shape(2) < 1)
        throw py::value_error("pieces must have the shape (2, P, D + 1)");
    return std::make_shared<Profile>(root, end[0], end[1],
                                     std::vector<double>(c, c + pieces->size()), pieces->shape(1),
                                     pieces->shape(2));
}

} // namespace

void bind_profile(py::module_& m) {
    py::class_<Profile, std::shared_ptr<Profile>>(m, "Profile")
        .def(py::init(&make), py::arg("variable"), py::arg("ends"), py::arg("even"), py::arg("odd"),
             py::arg("pieces") = py::none(), py::arg("quarters") = py::none(), py::arg("cut") = 0.5)
        .def(
            "evaluate",
            [](const Profile& h, const py::array& rho) {
                const double* in = rows(rho, 1, "rho");
                Array out(rho.size());
                h.evaluate(in, out.mutable_data(), rho.size());
                return out;
            },
            py::arg("rho"))
        .def(
            "at",
            [](const Profile& h, const py::array& sign, const py::array& deficit) {
                const double *s = rows(sign, 1, "sign"), *t = rows(deficit, 1, "deficit");
                if (sign.size() != deficit.size())
                    throw py::value_error("sign and deficit must have one length");
                Array out(deficit.size());
                for (Index i = 0; i < deficit.size(); ++i)
                    out.mutable_data()[i] = h.at(s[i] >= 0.0, t[i]);
                return out;
            },
            py::arg("sign"), py::arg("deficit"));
}

} // namespace mehler
