// All that a solver knows of a matrix: its size and its product with a block of vectors; and, of a
// factorised one, the product with its inverse.
#pragma once
#include "core/monitor.hpp"

namespace mehler {

class Operator {
public:
    virtual ~Operator() = default;
    virtual Index size() const = 0;
    virtual Index bytes() const = 0;
    // Y = K V; V, Y (n, b) column-major with leading dimension n.
    virtual void apply(const double* V, double* Y, Index b, int threads,
                       Monitor& monitor) const = 0;
};

class Solver {
public:
    virtual ~Solver() = default;
    virtual Index size() const = 0;
    virtual Index bytes() const = 0;
    virtual double shift() const = 0;
    // X = (K - shift I)^-1 B; B, X (n, b) column-major with leading dimension n; X may be B.
    virtual void solve(const double* B, double* X, Index b, int threads,
                       Monitor& monitor) const = 0;
};

} // namespace mehler
