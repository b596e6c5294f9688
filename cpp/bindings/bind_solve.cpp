// Solvers. Results are dictionaries; the Python layer makes them values.
#include <pybind11/eigen.h>

#include "bindings/files.hpp"
#include "bindings/nouns.hpp"
#include "bindings/operators.hpp"
#include "solve/cluster.hpp"
#include "solve/davidson.hpp"
#include "solve/deflated.hpp"
#include "solve/lanczos.hpp"
#include "solve/refine.hpp"
#include "solve/woodbury.hpp"

namespace mehler {

namespace {

// Any Python callable V (n, b) -> K V as an operator. It takes the GIL for each product.
class CallableOperator final : public Operator {
public:
    CallableOperator(py::object product, Index n) : product_(std::move(product)), n_(n) {}
    ~CallableOperator() override {
        py::gil_scoped_acquire acquire;
        product_ = py::none();
    }
    Index size() const override { return n_; }
    Index bytes() const override { return 0; }
    void apply(const double* V, double* Y, Index b, int, Monitor& monitor) const override {
        {
            py::gil_scoped_acquire acquire;
            Array in = column_major(n_, b);
            std::copy(V, V + n_ * b, in.mutable_data());
            py::object product;
            try {
                product = product_(in);
            } catch (const py::error_already_set& error) {
                if (error.matches(PyExc_KeyboardInterrupt))
                    monitor.interrupt();
                throw;
            }
            const py::array_t<double, py::array::f_style | py::array::forcecast> out(product);
            if (out.ndim() != 2 || out.shape(0) != n_ || out.shape(1) != b)
                throw py::value_error(
                    "the product with an (n, b) block must have the shape (n, b)");
            std::copy(out.data(), out.data() + n_ * b, Y);
        }
        monitor.check();
    }

private:
    py::object product_;
    Index n_;
};

// -K: its lowest eigenvalues are the largest of K, with the sign turned.
class Negated final : public Operator {
public:
    explicit Negated(const Operator& K) : K_(K) {}
    Index size() const override { return K_.size(); }
    Index bytes() const override { return K_.bytes(); }
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        K_.apply(V, Y, b, threads, monitor);
        for (Index i = 0; i < b * K_.size(); ++i)
            Y[i] = -Y[i];
    }

private:
    const Operator& K_;
};

const char* name(End end) {
    switch (end) {
    case End::converged:
        return "converged";
    case End::below:
        return "below";
    case End::too_many:
        return "too many products";
    case End::stopped:
        return "stopped";
    }
    return "";
}

// Where refinement ends: tol, most and rounding of its options.
struct Goal {
    double tol, most, rounding;
};

// An eigensolver on `fast`, then the residual by `exact`, refined when they differ. make(K,
// options): the same solver on another matrix.
template <class Make>
py::dict finish(const Make& make, const EigenOptions& eigen_options, const Operator& fast,
                const Operator& exact, double error, double window, const Goal& goal, Index rounds,
                int threads, double sign, PythonMonitor& monitor) {
    RefineOptions options;
    options.tol = goal.tol;
    options.most = goal.most;
    options.rounding = goal.rounding;
    options.error = error;
    options.rounds = rounds;
    options.threads = threads;
    const std::unique_ptr<Eigensolver> made = make(fast, eigen_options);
    Eigensolver& solver = *made;
    Cluster cluster(fast, window, make);
    Refine refine(fast, exact, solver, options, monitor.monitor);
    Matrix V;
    const bool interrupted = monitor.run_partial([&](Monitor&) {
        solver.run();
        if (solver.values.size() == 0)
            return;
        V = cluster.vectors(solver);
        if (solver.end != End::below && solver.end != End::stopped)
            refine.run(V, solver.values.size());
        V.conservativeResize(Eigen::NoChange, solver.values.size());
    });
    py::dict d;
    d["ritz_values"] = Vector(sign * solver.values);
    d["ritz_residuals"] = solver.residuals;
    d["values"] = Vector(sign * refine.values);
    d["residuals"] = refine.residuals;
    d["slack"] = refine.slack;
    d["vectors"] = V;
    d["norm"] = solver.norm;
    d["applications"] = solver.applications + cluster.applications;
    d["fast_applications"] = refine.fast_applications;
    d["exact_applications"] = refine.exact_applications;
    d["basis"] = solver.order();
    d["end"] = name(solver.end);
    d["complete"] = cluster.complete;
    d["stopped"] = solver.end == End::stopped || refine.stopped;
    d["interrupted"] = interrupted;
    py::list history;
    for (const EigenStep& s : solver.history)
        history.append(py::make_tuple(s.applications, sign * s.value, s.residual));
    d["history"] = history;
    return d;
}

py::dict lanczos(const Operator& fast, const Operator& exact, Index wanted, Index block,
                 Index most_basis, double tol, double goal, double floor, double floor_relative,
                 double below, std::uint64_t seed, bool largest, Index most_applications,
                 double error, double window, Index rounds, int threads, py::object ask,
                 const std::optional<std::tuple<std::string, std::string, Index>>& journal,
                 double most, double rounding) {
    PythonMonitor monitor{std::move(ask)};
    std::unique_ptr<Journal> steps;
    if (journal) {
        const auto& [path, key, bytes] = *journal;
        const Index n = fast.size();
        steps = std::make_unique<Journal>(
            path, JournalIdentity{n, std::min(block, n), wanted, largest, seed, digest(key)},
            bytes);
    }
    Journal* first = steps.get(); // it is of the first run, not of one on the rest of a matrix
    const Negated minus_fast(fast), minus_exact(exact);
    const Operator& A = largest ? static_cast<const Operator&>(minus_fast) : fast;
    const Operator& A_exact = largest ? static_cast<const Operator&>(minus_exact) : exact;
    const auto make = [&](const Operator& K, const EigenOptions& o) {
        return std::unique_ptr<Eigensolver>(
            new Lanczos(K, o, monitor.monitor, std::exchange(first, nullptr)));
    };
    EigenOptions o{wanted,         block, most_basis, tol,     floor,
                   floor_relative, below, seed,       threads, most_applications};
    o.apart = tol;
    py::dict found = finish(make, o, A, A_exact, error, window, Goal{goal, most, rounding}, rounds,
                            threads, largest ? -1.0 : 1.0, monitor);
    found["replayed"] = steps ? steps->replayed : 0;
    found["journal"] = steps ? steps->word : "";
    return found;
}

py::dict davidson(const Operator& fast, const Operator& exact, const Operator& inverse,
                  Index wanted, Index block, Index most_basis, double tol, double goal,
                  double floor, double floor_relative, double below, std::uint64_t seed,
                  Index most_applications, double error, double window, Index rounds, int threads,
                  py::object ask, double most, double rounding) {
    PythonMonitor monitor{std::move(ask)};
    const auto make = [&](const Operator& K, const EigenOptions& o) {
        return std::unique_ptr<Eigensolver>(new Davidson(K, inverse, o, monitor.monitor));
    };
    EigenOptions o{wanted,         block, most_basis, tol,     floor,
                   floor_relative, below, seed,       threads, most_applications};
    o.apart = tol;
    return finish(make, o, fast, exact, error, window, Goal{goal, most, rounding}, rounds, threads,
                  1.0, monitor);
}

// The Woodbury inverse over an array (chunks, r, chunk) that Python keeps.
std::shared_ptr<Woodbury> woodbury(const py::array& C, Index n, const py::object& M, double tau,
                                   const py::object& scale, int threads, py::object ask) {
    if (!py::isinstance<py::array_t<float>>(C) || C.ndim() != 3 ||
        !(C.flags() & py::array::c_style) || C.shape(2) != Woodbury::chunk ||
        C.shape(0) != (n + Woodbury::chunk - 1) / Woodbury::chunk)
        throw py::type_error("C must be a C-contiguous float32 array (chunks, r, 512)");
    const Matrix inner = M.is_none() ? Matrix() : M.cast<Matrix>();
    const Vector D = scale.is_none() ? Vector() : scale.cast<Vector>();
    if ((inner.size() && (inner.rows() != C.shape(1) || inner.cols() != C.shape(1))) ||
        (D.size() && D.size() != n))
        throw py::value_error("M must be (r, r), scale (n,)");
    PythonMonitor monitor{std::move(ask)};
    std::shared_ptr<Woodbury> made;
    monitor.run([&](Monitor& m) {
        made = std::make_shared<Woodbury>(static_cast<const float*>(C.data()), C.shape(1), n, inner,
                                          tau, D, threads, m);
    });
    return made;
}

template <class Made, class Of, class... More>
std::shared_ptr<Made> deflated(const Of& of, Matrix V, More... more) {
    if (V.rows() != of.size())
        throw py::value_error("V must have the shape (n, m)");
    return std::make_shared<Made>(of, std::move(V), more...);
}

} // namespace

void bind_solve(py::module_& m) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    py::class_<CallableOperator, Operator, std::shared_ptr<CallableOperator>>(m, "CallableOperator")
        .def(py::init<py::object, Index>(), py::arg("product"), py::arg("n"));
    py::class_<Deflated, Operator, std::shared_ptr<Deflated>>(m, "Deflated")
        .def(py::init(&deflated<Deflated, Operator, double>), py::arg("K"), py::arg("V"),
             py::arg("size"), py::keep_alive<1, 2>());
    py::class_<DeflatedSolver, Solver, std::shared_ptr<DeflatedSolver>>(m, "DeflatedSolver")
        .def(py::init(&deflated<DeflatedSolver, Solver>), py::arg("factor"), py::arg("V"),
             py::keep_alive<1, 2>());
    m.def("lanczos", &lanczos, py::arg("fast"), py::arg("exact"), py::arg("wanted"),
          py::arg("block"), py::arg("most_basis"), py::arg("tol"), py::arg("goal"),
          py::arg("floor"), py::arg("floor_relative"), py::arg("below"), py::arg("seed"),
          py::arg("largest"), py::arg("most_applications"), py::arg("error"), py::arg("window"),
          py::arg("rounds"), py::arg("threads"), py::arg("ask") = py::none(),
          py::arg("journal") = py::none(), py::arg("most") = infinity, py::arg("rounding") = 0.0);
    m.def("remove_journal", &Journal::remove, py::arg("path"));
    m.def("davidson", &davidson, py::arg("fast"), py::arg("exact"), py::arg("inverse"),
          py::arg("wanted"), py::arg("block"), py::arg("most_basis"), py::arg("tol"),
          py::arg("goal"), py::arg("floor"), py::arg("floor_relative"), py::arg("below"),
          py::arg("seed"), py::arg("most_applications"), py::arg("error"), py::arg("window"),
          py::arg("rounds"), py::arg("threads"), py::arg("ask") = py::none(),
          py::arg("most") = infinity, py::arg("rounding") = 0.0);
    py::class_<Woodbury, Operator, std::shared_ptr<Woodbury>>(m, "Woodbury")
        .def(py::init(&woodbury), py::arg("C"), py::arg("n"), py::arg("M"), py::arg("tau"),
             py::arg("scale"), py::arg("threads"), py::arg("ask") = py::none(),
             py::keep_alive<1, 2>())
        .def_readonly_static("chunk", &Woodbury::chunk);
}

} // namespace mehler
