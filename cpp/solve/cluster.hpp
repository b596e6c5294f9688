// All low eigenvectors whose order rounding may have changed.
//
// A solver on K rounded to float32 finds the lowest eigenvalue of the rounded matrix. Others within
// what rounding does (`window`) may lie below it in K. A block of b vectors sees b of such a
// cluster early, the rest late or never; so where more than the wanted ones are seen, the solver
// runs again on the rest of the matrix, from another start, until none is left.
#pragma once
#include <memory>

#include "solve/deflated.hpp"
#include "solve/eigensolver.hpp"

namespace mehler {

template <class Make> // make(operator, options) -> std::unique_ptr<Eigensolver>
class Cluster {
public:
    Cluster(const Operator& K, double window, Make make)
        : K_(K), window_(window), make_(std::move(make)) {}

    // Orthonormal (n, wanted or more); of a solver that has run.
    Matrix vectors(Eigensolver& solver) {
        Matrix V = solver.vectors(window_);
        const Index k = solver.values.size();
        if (V.cols() == k || solver.end != End::converged)
            return V;
        const double limit = solver.values[k - 1] + window_;
        double lowest = solver.values[0];
        for (Index round = 0; round < most_rounds && V.cols() < V.rows(); ++round) {
            const Deflated rest(K_, V, limit - lowest + solver.norm); // beyond the limit
            EigenOptions o = solver.options();
            o.wanted = 1;
            o.floor = std::max(o.floor, 0.1 * window_);
            o.above = limit;
            o.seed += static_cast<std::uint64_t>(round) + 1;
            o.most_basis = std::max({o.most_basis - solver.order(), o.most_basis / 4, least_basis});
            const std::unique_ptr<Eigensolver> again = make_(rest, o);
            again->run();
            applications += again->applications;
            if (again->end != End::converged) {
                complete = false;
                break;
            }
            if (again->values[0] > limit)
                break;
            lowest = std::min(lowest, again->values[0]);
            append(V, again->vectors(window_));
        }
        return V;
    }

    Index applications = 0;
    bool complete = true; // false: the search for more did not end

private:
    static constexpr Index most_rounds = 16, least_basis = 64;

    static void append(Matrix& V, const Matrix& more) {
        for (Index i = 0; i < more.cols() && V.cols() < V.rows(); ++i) {
            Vector w = more.col(i);
            for (int pass = 0; pass < 3; ++pass) {
                w -= V * (V.transpose() * w).eval();
                w.normalize();
            }
            V.conservativeResize(Eigen::NoChange, V.cols() + 1);
            V.rightCols(1) = w;
        }
    }

    const Operator& K_;
    const double window_;
    const Make make_;
};

} // namespace mehler
