// An orthonormal basis that grows, with threads and a monitor of its own.
#pragma once
#include "solve/columns.hpp"

namespace mehler {

class Basis {
public:
    static constexpr Index chunk = Columns::chunk, slab = Columns::slab;

    Basis(Index n, int threads, Monitor& monitor) : Q_(n), threads_(threads), monitor_(&monitor) {}

    Index rows() const { return Q_.rows(); }
    Index columns() const { return Q_.columns(); }
    Index bytes() const { return Q_.bytes(); }
    void watch(Monitor& monitor) { monitor_ = &monitor; }
    void drop(Index k) { Q_.drop(k); } // keep the first k columns

    // The b columns of W join.
    void append(const double* W, Index b) { Q_.append(W, b, threads_, *monitor_); }
    // Q becomes Q S.
    void rotate(const Matrix& S) { Q_.rotate(S, threads_, *monitor_); }
    // Q^t W over columns [from, columns())
    Matrix inner(const double* W, Index b, Index from = 0) const {
        return Q_.inner(W, b, from, threads_, *monitor_);
    }
    // W += Q H over columns [from, from + H.rows())
    void add(const Matrix& H, double* W, Index from = 0) const {
        Q_.add(H, W, from, threads_, *monitor_);
    }
    // W loses what it has in the basis, once; the coefficients are returned.
    Matrix orthogonalise(double* W, Index b, Index from = 0) const {
        Matrix H = inner(W, b, from);
        add(-H, W, from);
        return H;
    }

private:
    Columns Q_;
    int threads_;
    Monitor* monitor_;
};

// Entry (i, column) of a Gaussian matrix that belongs to a seed: splitmix64 of the index,
// Box-Muller.
class Gaussian {
public:
    explicit Gaussian(std::uint64_t seed) : seed_(mix(seed)) {} // neighbouring seeds: far streams
    double operator()(Index i, Index column) const {
        const std::uint64_t key =
            seed_ ^ mix(static_cast<std::uint64_t>(column) + 0x9e3779b97f4a7c15ULL);
        const double u = uniform(key + 2 * static_cast<std::uint64_t>(i));
        const double v = uniform(key + 2 * static_cast<std::uint64_t>(i) + 1);
        return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
    }

private:
    static std::uint64_t mix(std::uint64_t z) {
        z += 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    static double uniform(std::uint64_t key) {
        return (static_cast<double>(mix(key) >> 11) + 0.5) * 0x1p-53;
    }
    std::uint64_t seed_;
};

} // namespace mehler
