// What every iterative eigensolver offers: lowest pairs of `fast`, how it ended, and a
// preconditioner for the correction equation that refines them.
#pragma once
#include <functional>
#include <limits>

#include "core/operator.hpp"
#include "solve/basis.hpp"

namespace mehler {

struct EigenOptions {
    Index wanted = 1, block = 2, most_basis = 1000;
    double tol = 1e-6; // stop when every wanted residual <= tol |theta| ...
    double floor =
        0.0; // ... or <= floor + floor_relative * |K|: what rounding in the product leaves
    double floor_relative = 0.0;
    double below = 0.0; // give up when theta falls below this: a more precise matrix is needed
    std::uint64_t seed = 0;
    int threads = 1;
    Index most_applications = std::numeric_limits<Index>::max(); // then End::too_many
    double above = std::numeric_limits<double>::infinity(); // enough: theta is surely above this
    std::function<bool()> enough = nullptr; // asked once the wanted values are there; none: enough
    double apart = 0.0; // of residuals where values lie together, times sqrt n: see nothing_hidden
    bool inverse = false; // theta is of -(K - origin)^-1: told are values and residuals of K
    double origin = 0.0;
    double shift = 0.0; // s > 0: theta is of -(K - s)^-1, and tol of K's eigenvalue s - 1 / theta
};

struct EigenStep {
    Index applications;
    double value, residual;
};

enum class End { converged, too_many, below, stopped };

class Eigensolver {
public:
    Eigensolver(const Operator& K, const EigenOptions& options, Monitor& monitor)
        : K_(K), options_(options), monitor_(monitor), n_(K.size()),
          b_(std::min(options.block, n_)), gaussian_(options.seed) {}
    virtual ~Eigensolver() = default;

    virtual void run() = 0;
    // Ritz vectors (n, wanted), also after an interruption; and more, up to `most_guards`, of
    // values no more than `window` above: of a rounded matrix, whose order may not be that of the
    // exact one.
    virtual Matrix vectors(double window) = 0;
    static constexpr Index most_guards = 16;
    // About (K - theta)^-1 s on the complement of V; tau: the mean of the spectrum that s sees.
    virtual Vector precondition(const Matrix& V, const Vector& s, double theta,
                                double tau) const = 0;
    virtual bool complete() const = 0; // the basis spans the whole space
    virtual Index order() const = 0;   // vectors in the basis
    const EigenOptions& options() const { return options_; }

    End end = End::converged;
    Vector values, residuals; // wanted Ritz values, ascending, and their residual norms
    double norm = 0.0;        // of K, about
    Index applications = 0;
    std::vector<EigenStep> history;

protected:
    // How many of the ascending values lie at most `window` above the last wanted one.
    Index near(const Vector& ascending, double window) const {
        Index count = values.size();
        while (count < ascending.size() && ascending[count] <= values[values.size() - 1] + window)
            ++count;
        return count;
    }

    // A residual |r| of -(K - s)^-1 at theta is one of |r| / theta^2 of K at s - 1 / theta:
    // |r| / theta^2 <= tol (s - 1 / theta).
    double goal(double theta) const {
        const double times = std::max(1.0 - options_.shift * theta, 1.0);
        return options_.tol * std::fabs(theta) * times;
    }

    // Notes the Ritz values and residuals; true when the wanted ones are there, or below the limit.
    bool judge() {
        bool done = true;
        for (Index i = 0; i < values.size(); ++i)
            done = done &&
                   residuals[i] <=
                       std::max(goal(values[i]), options_.floor + options_.floor_relative * norm);
        monitor_.done.store(applications);
        if (std::isfinite(options_.above)) // a search for more: its values are not the answer
            return done || values[0] - 100.0 * residuals[0] > options_.above;
        const double theta = values[0];
        monitor_.progress.value = options_.inverse ? options_.origin - 1.0 / theta : theta;
        monitor_.progress.residual = residuals[0] / (options_.inverse ? theta * theta : 1.0);
        history.push_back({applications, values[0], residuals.maxCoeff()});
        if (!done && values[0] < options_.below) {
            end = End::below;
            return true;
        }
        return done;
    }
    // Whether the wanted values, whose residuals r are small enough, may be taken for the lowest.
    // A random start holds every vector to 1 / sqrt n, and of two simple values the lower comes out
    // first. A value of multiplicity m is held to sqrt(m / n): there r may hide another sqrt(m) r
    // below it. So where other Ritz values lie within 10 r (a block sees two of many), or nobody
    // would see them (a single vector), r has to be smaller by sqrt n, or what rounding leaves; for
    // that as many products again are spent at most, and some.
    bool nothing_hidden(const Vector& ascending) {
        if (!(options_.apart > 0.0) || std::isfinite(options_.above))
            return true;
        if (!first_there_)
            first_there_ = applications;
        if (applications >= 2 * first_there_ + 20)
            return true;
        for (Index i = 0; i < values.size(); ++i) {
            double gap = std::numeric_limits<double>::infinity();
            for (Index j = 0; j < ascending.size(); ++j)
                if (j != i)
                    gap = std::min(gap, std::fabs(ascending[j] - values[i]));
            if (b_ > 1 && ascending.size() > values.size() && residuals[i] <= 0.1 * gap)
                continue;
            const double strict = 0.3 * options_.apart / options_.tol * goal(values[i]) /
                                  std::sqrt(static_cast<double>(n_));
            if (residuals[i] > std::max(strict, options_.floor + options_.floor_relative * norm))
                return false;
        }
        return true;
    }
    Index drawn() const { return drawn_; } // columns of random numbers used so far
    void drawn(Index count) { drawn_ = count; }
    void randomise(double* w) {
        const Index stream = drawn_++;
        for (Index i = 0; i < n_; ++i)
            w[i] = gaussian_(i, stream);
    }

    // The columns of W, already orthogonalised once against the basis, become orthonormal:
    // W = W' R. One that has nothing left (its space is complete) is replaced by a random one
    // orthogonal to everything, its R being zero. scale: the size of what is not rounding.
    Matrix orthonormalise(Matrix& W, const Basis& basis, double scale) {
        constexpr double eps = std::numeric_limits<double>::epsilon();
        Matrix R = Matrix::Zero(b_, b_);
        for (Index c = 0; c < b_; ++c) {
            auto w = W.col(c);
            const double before = w.norm();
            if (!std::isfinite(before))
                throw std::runtime_error("a product with the operator gave NaN or infinity");
            const auto done = W.leftCols(c);
            for (int pass = 0; pass < 2 && c > 0; ++pass) {
                const Vector h = done.transpose() * w;
                w -= done * h;
                R.col(c).head(c) += h;
            }
            if (w.norm() < 0.1 * before)
                basis.orthogonalise(w.data(), 1); // cancelled: clean it once more
            double size = w.norm();
            R(c, c) = size;
            if (size <= 10.0 * eps * scale || size == 0.0) {
                R(c, c) = 0.0;
                if (basis.columns() + c >= n_) { // the basis spans the whole space
                    w.setZero();
                    continue;
                }
                randomise(w.data());
                for (int pass = 0; pass < 3; ++pass)
                    clean(w, done, basis);
                size = w.norm();
            }
            w /= size;
            if (size < 1e-7 * scale) // little was left: rounding in it has grown by as much
                for (int pass = 0; pass < 2; ++pass)
                    clean(w, done, basis);
        }
        return R;
    }

    const Operator& K_;
    const EigenOptions options_;
    Monitor& monitor_;
    const Index n_, b_;

private:
    template <class Column, class Columns>
    static void clean(Column& w, const Columns& done, const Basis& basis) {
        w.normalize();
        basis.orthogonalise(w.data(), 1);
        w -= done * (done.transpose() * w).eval();
        w.normalize();
    }

    const Gaussian gaussian_;
    Index drawn_ = 0, first_there_ = 0;
};

} // namespace mehler
