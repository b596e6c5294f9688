// The table of contents of the extension: one line a noun.
#include "bindings/nouns.hpp"

PYBIND11_MODULE(MEHLER_MODULE, m) {
    mehler::bind_build(m);
    mehler::bind_profile(m);
    mehler::bind_layers(m);
    mehler::bind_gram(m);
    mehler::bind_leaves(m);
    mehler::bind_disk(m);
    mehler::bind_cholesky(m);
    mehler::bind_disk_factor(m);
    mehler::bind_solve(m);
    mehler::bind_sparse(m);
    mehler::bind_extended(m);
    mehler::bind_rates(m);
    mehler::bind_jacobi(m);
    mehler::bind_quadrature(m);
    mehler::bind_sweep(m);
    mehler::bind_walsh_hadamard(m);
    mehler::bind_quadratic(m);
    mehler::bind_quantise(m);
    mehler::bind_coarse_gradient(m);
}
