// Solvers. Results are dictionaries; the Python layer makes them values.
#include <pybind11/eigen.h>

#include "bindings/nouns.hpp"
#include "bindings/operators.hpp"
#include "solve/lanczos.hpp"
#include "solve/refine.hpp"

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
      const py::array_t<double, py::array::f_style | py::array::forcecast> out(product_(in));
      if (out.ndim() != 2 || out.shape(0) != n_ || out.shape(1) != b)
        throw py::value_error("the product with an (n, b) block must have the shape (n, b)");
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
    for (Index i = 0; i < b * K_.size(); ++i) Y[i] = -Y[i];
  }

 private:
  const Operator& K_;
};

const char* name(LanczosResult::End end) {
  switch (end) {
    case LanczosResult::End::converged: return "converged";
    case LanczosResult::End::basis_full: return "basis full";
    case LanczosResult::End::below: return "below";
    case LanczosResult::End::stopped: return "stopped";
  }
  return "";
}

py::dict lanczos(const Operator& K, Index wanted, Index block, Index most_basis, double tol, double floor, double below,
                 std::uint64_t seed, bool largest, int threads, py::object ask) {
  PythonMonitor monitor{std::move(ask)};
  LanczosResult r;
  const bool interrupted = monitor.run_partial([&](Monitor& m) {
    const Negated negated(K);
    const Operator& A = largest ? static_cast<const Operator&>(negated) : K;
    r = Lanczos(A, {wanted, block, most_basis, tol, floor, below, seed, threads}, m).run();
  });
  const double sign = largest ? -1.0 : 1.0;
  py::dict d;
  d["values"] = Eigen::VectorXd(sign * r.values);
  d["residuals"] = r.residuals;
  d["vectors"] = r.vectors;
  d["next"] = Eigen::VectorXd(sign * r.next);
  d["norm"] = r.norm;
  d["applications"] = r.applications;
  d["basis"] = r.basis;
  d["nbytes"] = r.bytes;
  d["end"] = name(r.end);
  d["interrupted"] = interrupted;
  py::list history;
  for (const LanczosStep& s : r.history) history.append(py::make_tuple(s.applications, sign * s.value, s.residual));
  d["history"] = history;
  return d;
}

py::dict refine(const Operator& fast, const Operator& exact, const Matrix& start, double tol, double floor,
                Index rounds, int threads, py::object ask) {
  PythonMonitor monitor{std::move(ask)};
  RefineResult r;
  Matrix V = start;
  const bool interrupted = monitor.run_partial([&](Monitor& m) {
    RefineOptions options;
    options.tol = tol;
    options.floor = floor;
    options.rounds = rounds;
    options.threads = threads;
    r = Refine(fast, exact, options, m).run(V);
  });
  py::dict d;
  d["values"] = r.values;
  d["residuals"] = r.residuals;
  d["vectors"] = V;
  d["fast_applications"] = r.fast_applications;
  d["exact_applications"] = r.exact_applications;
  d["stopped"] = r.stopped;
  d["interrupted"] = interrupted;
  return d;
}

}  // namespace

void bind_solve(py::module_& m) {
  py::class_<CallableOperator, Operator, std::shared_ptr<CallableOperator>>(m, "CallableOperator")
      .def(py::init<py::object, Index>(), py::arg("product"), py::arg("n"));
  m.def("lanczos", &lanczos, py::arg("operator"), py::arg("wanted"), py::arg("block"), py::arg("most_basis"),
        py::arg("tol"), py::arg("floor"), py::arg("below"), py::arg("seed"), py::arg("largest"), py::arg("threads"),
        py::arg("ask") = py::none());
  m.def("refine", &refine, py::arg("fast"), py::arg("exact"), py::arg("vectors"), py::arg("tol"), py::arg("floor"),
        py::arg("rounds"), py::arg("threads"), py::arg("ask") = py::none());
}

}  // namespace mehler
