// One register function a noun.
#pragma once
#include <pybind11/pybind11.h>

namespace mehler {
void bind_build(pybind11::module_& m);
void bind_profile(pybind11::module_& m);
void bind_layers(pybind11::module_& m);
void bind_gram(pybind11::module_& m);
void bind_leaves(pybind11::module_& m);
void bind_disk(pybind11::module_& m);
void bind_cholesky(pybind11::module_& m);
void bind_disk_factor(pybind11::module_& m);
void bind_solve(pybind11::module_& m);
void bind_sparse(pybind11::module_& m);
void bind_extended(pybind11::module_& m);
void bind_rates(pybind11::module_& m);
void bind_jacobi(pybind11::module_& m);
void bind_quadrature(pybind11::module_& m);
void bind_sweep(pybind11::module_& m);
void bind_walsh_hadamard(pybind11::module_& m);
void bind_quadratic(pybind11::module_& m);
void bind_quantise(pybind11::module_& m);
void bind_coarse_gradient(pybind11::module_& m);
} // namespace mehler
