// The lowest eigenpairs of K from a factor of K - s I, and the way from a rough factor to exact K.
//
// 1. Block Lanczos on A = -(K - s)^-1. Its lowest value mu is the eigenvalue theta = s - 1/mu of K
//    next above s, and the low end of K is the wide end of A: a dozen steps.
// 2. The Ritz vectors V of the wanted pairs and of some more (guards) take one step of inverse
//    iteration, A V = V diag(mu) + Q_next B E^t S: nothing to be computed.
// 3. Rayleigh-Ritz with products of `exact`. The factor may belong to a rounded K: while a residual
//    r = K v - theta v is too large, a round solves v's correction equation (Jacobi and Davidson)
//    on the complement of all Ritz vectors, by the factor alone,
//
//        (K - theta) z = -r   <=>   (A + 1 / (theta - s)) z = A r / (theta - s),
//
//    by conjugate gradients, preconditioned by what the Lanczos basis knows of A, and z joins the
//    space of Rayleigh-Ritz. One product of `exact` a round; rounds go on while r falls.
#pragma once
#include <optional>

#include "solve/lanczos.hpp"

namespace mehler {

// A = -(K - s)^-1
class MinusInverse final : public Operator {
public:
    MinusInverse(const Solver& factor, int threads) : factor_(factor), threads_(threads) {}
    Index size() const override { return factor_.size(); }
    Index bytes() const override { return factor_.bytes(); }
    void apply(const double* V, double* Y, Index b, int, Monitor& monitor) const override {
        factor_.solve(V, Y, b, threads_, monitor);
        for (Index i = 0; i < b * size(); ++i)
            Y[i] = -Y[i];
    }

private:
    const Solver& factor_;
    int threads_;
};

struct ShiftInvertOptions {
    Index wanted = 1, guards = 3, block = 2, most_basis = 300;
    double inner_tol = 1e-6; // of Lanczos: |r| of K, relative to |theta|, or to theta - s below 0
    double tol = 1e-6, floor = 0.0; // goal: |r| <= max(tol |theta|, floor)
    double window =
        0.0; // how far rounding of the factor may have moved one eigenvalue past another
    double spread = 0.0; // of the factor's entries' errors, where they are random; see few_mixed
    Index rounds = 8, inner = 40, most_solves = 1000;
    std::uint64_t seed = 0;
    int threads = 1;
};

class ShiftInvert {
public:
    // exact: null leaves it at the Ritz pairs of the factored matrix.
    ShiftInvert(const Solver& factor, const Operator* exact, const ShiftInvertOptions& options,
                Monitor& monitor)
        : A_(factor, options.threads), exact_(exact), options_(options), monitor_(monitor),
          n_(factor.size()), shift_(factor.shift()) {}

    void run() {
        EigenOptions o;
        o.wanted = options_.wanted;
        o.block = options_.block;
        o.most_basis = options_.most_basis;
        o.tol = options_.inner_tol;
        o.apart = std::min(options_.tol, options_.inner_tol);
        o.inverse = true;
        o.origin = shift_;
        o.shift = std::max(shift_, 0.0);
        o.floor_relative = 4.0 * std::numeric_limits<double>::epsilon();
        o.below = -std::numeric_limits<double>::infinity();
        o.most_applications = options_.most_solves;
        o.seed = options_.seed;
        o.threads = n_ < 6000 ? 1 : options_.threads; // of the basis, which is small
        if (options_.window > 0.0)
            o.enough = [this] { return neighbours_seen(); };
        lanczos_.emplace(A_, o, monitor_);
        lanczos_->run();
        end = lanczos_->end;
        solves = lanczos_->applications;
        for (const EigenStep& s : lanczos_->history)
            history.push_back(
                {s.applications, shift_ - 1.0 / s.value, s.residual / (s.value * s.value)});
        if (lanczos_->values.size() == 0)
            return;
        if (end == End::stopped) // the last test, which may be older than the band
            ritz_ = lanczos_->ritz();
        else {
            if (options_.spread > 0.0)
                told_apart_ = told_apart_ && few_mixed();
            ritz_ = with_neighbours();
        }
        if (exact_ || end == End::stopped)
            V_ = smoothed_ritz_vectors();
        with_guards = (shift_ - ritz_.values.array().inverse()).matrix();
        const Index k = std::min<Index>(options_.wanted, ritz_.values.size());
        ritz_values = (shift_ - ritz_.values.head(k).array().inverse()).matrix();
        ritz_residuals =
            (lanczos_->residuals.head(k).array() / ritz_.values.head(k).array().square()).matrix();
        if (!exact_ || end == End::stopped || !clear())
            return;
        try {
            refine();
        } catch (const Interrupted&) {
            end = End::stopped;
        }
    }

    Matrix vectors() const { // (n, wanted)
        return V_.leftCols(std::min<Index>(options_.wanted, V_.cols()));
    }
    Index basis() const { return lanczos_ ? lanczos_->order() : 0; }

    static constexpr Index most_guards = 32;

    End end = End::converged;
    Vector ritz_values, ritz_residuals; // of the factored matrix, as Lanczos leaves them
    Vector with_guards;                 // ritz_values, and those of the guards behind them
    Vector values, residuals;           // of `exact`; empty before the first measurement
    Index solves = 0, products = 0;     // block solves, block products of `exact`
    std::vector<EigenStep> history;

private:
    Vector eigenvalues(const Band::Pairs& pairs) const { // of K
        return (shift_ - pairs.values.array().inverse()).matrix();
    }

    // Lanczos goes on until all values within the window of the wanted ones, and the first beyond
    // it, have come out: a residual far below the distance to the next value says so, where a value
    // that is still on its way would hide others. Not where the guards reach beyond the window
    // anyway, where there are too many for them, or where it takes more than four times
    // as many solves (twice, where a factor with smaller errors may follow): then they are not told
    // apart. Random errors that mix too many end it at once.
    bool neighbours_seen() {
        const Index solved = lanczos_->applications, most = most_guards;
        const Index least = options_.wanted + options_.guards;
        const bool first = !first_solves_;
        if (first)
            first_solves_ = solved;
        const Band::Pairs pairs = lanczos_->band().lowest(std::max(least, options_.wanted + most),
                                                          lanczos_->ritz().vectors);
        const Vector theta = eigenvalues(pairs);
        const Index found = theta.size(), wanted = std::min(options_.wanted, found);
        const double top = theta[wanted - 1] + options_.window;
        Index beyond = wanted;
        while (beyond < found && theta[beyond] <= top)
            ++beyond;
        neighbours_ = beyond + 1;
        if (beyond == found && found == pairs.vectors.rows())
            return false; // the basis is too small to tell
        if (beyond == found)
            return true; // too many
        if (first && options_.spread > 0.0 && !few_mixed())
            return true;
        told_apart_ = first && beyond < least && found >= least && theta[least - 1] > top;
        if (told_apart_)
            return true;
        bool out = true;
        for (Index i = 0; i <= beyond; ++i) {
            double gap = std::numeric_limits<double>::infinity();
            if (i > 0)
                gap = theta[i] - theta[i - 1];
            if (i < beyond)
                gap = std::min(gap, theta[i + 1] - theta[i]);
            const double mu = pairs.values[i];
            const double r =
                (lanczos_->coupling() * pairs.vectors.col(i).tail(lanczos_->block())).norm() /
                (mu * mu);
            out = out && r <= std::max(options_.inner_tol * std::fabs(theta[i]), 0.05 * gap);
        }
        told_apart_ = out;
        const Index patience = options_.spread > 0.0 ? 2 : 4; // times the first solves
        return out || solved > 10 + patience * first_solves_ || solved + 1 >= options_.most_solves;
    }

    // Whether what is measured is the end of K's spectrum and not only of the factor's.
    bool clear() const { return told_apart_ || !(options_.spread > 0.0); }

    // A random E of deviation sigma mixes sigma / (mu_j - mu_0) of vector j into the lowest of
    // K - s I = L L^t - E. Whether all but the first `neighbours_`, which are measured, hold at
    // most a hundredth of it, sigma^2 sum 1 / (mu_j - mu_0)^2; as many more guards as it takes.
    // Lanczos from a random block says what there is of each: n times the weights of Gauss
    // quadrature.
    bool few_mixed() {
        constexpr double most_mixed = 0.01;
        const Index k = lanczos_->order(), b = lanczos_->block();
        if (k < lanczos_->applications * b)
            return false; // restarted, or at its end: not those weights any more
        const Eigen::SelfAdjointEigenSolver<Matrix> ritz(
            lanczos_->band().times(Matrix::Identity(k, k)));
        const Vector distance = ritz.eigenvalues().array().inverse() * -1.0; // mu, below n of them
        double mixed = 0.0;
        Index count = k;
        for (; count > neighbours_; --count) {
            const Index j = count - 1;
            const double weight = ritz.eigenvectors().col(j).head(b).squaredNorm() /
                                  static_cast<double>(b) * static_cast<double>(n_);
            const double apart = distance[j] - distance[0];
            if (distance[j] > 0.0) // else far beyond
                mixed += std::max(weight, 1.0) * std::pow(options_.spread / apart, 2.0);
            if (!(mixed <= most_mixed))
                break;
        }
        neighbours_ = count;
        return count <= options_.wanted + most_guards;
    }

    // The wanted Ritz pairs and the guards: all up to the first beyond the window, of which there
    // may be fewer than guards where the factor is so rough that these are of little use.
    Band::Pairs with_neighbours() {
        Index count = options_.wanted + options_.guards;
        if (told_apart_)
            count = options_.spread > 0.0 ? neighbours_ : std::max(count, neighbours_);
        return lanczos_->band().lowest(count, lanczos_->ritz().vectors);
    }

    // Orthonormal (n, wanted + guards).
    Matrix smoothed_ritz_vectors() {
        const Index k = lanczos_->order(), b = lanczos_->block(), p = ritz_.vectors.cols();
        if (end == End::stopped)
            return lanczos_->vectors(0.0);
        Matrix H(k + b, p);
        H.topRows(k) = ritz_.vectors * ritz_.values.asDiagonal();
        H.bottomRows(b) = lanczos_->coupling() * ritz_.vectors.bottomRows(b);
        Matrix V = lanczos_->combine(H);
        for (Index i = 0; i < p; ++i)
            orthonormalise(V, i);
        return V;
    }

    // Column i of S against those before it; false when nothing is left of it.
    static bool orthonormalise(Matrix& S, Index i) {
        const double before = S.col(i).norm();
        if (!(before > 0.0))
            return false;
        S.col(i) /= before;
        const auto done = S.leftCols(i);
        for (int pass = 0; pass < 3; ++pass) {
            S.col(i) -= done * (done.transpose() * S.col(i)).eval();
            const double left = S.col(i).norm();
            if (!(left > 1e-12))
                return false;
            S.col(i) /= left;
        }
        return true;
    }

    double goal(Index i) const {
        return std::max(options_.tol * std::fabs(values[i]), options_.floor);
    }
    bool good() const {
        for (Index i = 0; i < values.size(); ++i)
            if (residuals[i] > goal(i))
                return false;
        return true;
    }

    void multiply(Index from) {
        monitor_.phase("residual", 1);
        const Index b = S_.cols() - from;
        KS_.conservativeResize(n_, S_.cols());
        exact_->apply(S_.col(from).data(), KS_.col(from).data(), b, options_.threads, monitor_);
        ++products;
    }

    // values, residuals, V and R = K V - V theta from the space S.
    void rayleigh_ritz() {
        const Matrix H = S_.transpose() * KS_;
        const Eigen::SelfAdjointEigenSolver<Matrix> small(0.5 * (H + H.transpose()));
        const Index p = V_.cols(), k = std::min<Index>(options_.wanted, p);
        const Matrix Y = small.eigenvectors().leftCols(p);
        V_.noalias() = S_ * Y;
        R_.noalias() = KS_ * Y.leftCols(k);
        R_ -= V_.leftCols(k) * small.eigenvalues().head(k).asDiagonal();
        values = small.eigenvalues().head(k);
        residuals = R_.colwise().norm().transpose();
        monitor_.progress.value = values[0];
        monitor_.progress.residual = residuals[0];
        history.push_back({solves + products, values[0], residuals.maxCoeff()});
    }

    void refine() {
        S_ = V_;
        multiply(0);
        rayleigh_ritz();
        double best = residuals.maxCoeff();
        for (Index round = 0; round < options_.rounds && !good(); ++round) {
            const Index before = S_.cols();
            for (Index i = 0; i < values.size(); ++i) {
                if (residuals[i] <= goal(i))
                    continue;
                const Vector z = correction(i);
                S_.conservativeResize(n_, S_.cols() + 1);
                S_.rightCols(1) = z;
                if (!orthonormalise(S_, S_.cols() - 1))
                    S_.conservativeResize(n_, S_.cols() - 1);
            }
            if (S_.cols() == before)
                return;
            multiply(before);
            const Matrix V = V_;
            const Vector old_values = values, old_residuals = residuals;
            rayleigh_ritz();
            const double now = residuals.maxCoeff();
            if (!(now < best)) { // a correction out of rounding: the pairs before it were better
                V_ = V;
                values = old_values;
                residuals = old_residuals;
                history.push_back({solves + products, values[0], best});
            }
            if (!(now < 0.7 * best))
                return;
            best = now;
        }
    }

    void leave_out(Vector& w) const { w -= V_ * (V_.transpose() * w).eval(); }

    Vector inverse(const Vector& p) { // A p
        Vector image(n_);
        A_.apply(p.data(), image.data(), 1, options_.threads, monitor_);
        ++solves;
        return image;
    }

    // Q (T - mu)^+ Q^t s + (I - Q Q^t) s / tau
    Vector precondition(const Vector& s, double tau) const {
        const Basis& Q = lanczos_->basis();
        const Vector h = Q.inner(s.data(), 1).topRows(lanczos_->order());
        const Vector y = lanczos_->band().solve_beside(h, ritz_, ritz_.vectors.cols()) - h / tau;
        Vector z = s / tau;
        Q.add(y, z.data());
        leave_out(z);
        return z;
    }

    Vector correction(Index i) {
        monitor_.phase("refine", options_.inner);
        const double distance = values[i] - shift_;
        Vector s = inverse(R_.col(i)) / distance, z = Vector::Zero(n_);
        leave_out(s);
        double aim = 0.3 * goal(i);
        if (options_.spread > 0.0) // its product will have more to correct
            aim = std::max(aim, 0.003 * residuals[i]);
        const double enough = aim / (distance * distance);
        if (!(distance > 0.0) || V_.cols() >= n_)
            return s;
        const auto image_of = [&](const Vector& p) {
            Vector image = inverse(p) + p / distance;
            leave_out(image);
            return image;
        };
        const double tau = 1.0 / distance; // A is small outside of Q
        Vector q = precondition(s, tau), p = q;
        double sq = s.dot(q);
        for (Index step = 0; step < options_.inner && s.norm() > enough; ++step) {
            monitor_.done.store(step);
            const Vector image = image_of(p);
            const double curvature = p.dot(image);
            if (!(curvature > 0.0) || !(sq > 0.0))
                break; // theta is not below the rest: rounding
            const double alpha = sq / curvature;
            z += alpha * p;
            s -= alpha * image;
            q = precondition(s, tau);
            const double now = s.dot(q);
            p = q + now / sq * p;
            sq = now;
        }
        // One step of the fixed point of the equation: what it leaves of r is distance^2 |s|, where
        // the iterate's own remainder is multiplied by the large eigenvalues of K.
        return inverse(R_.col(i) - distance * z);
    }

    const MinusInverse A_;
    const Operator* exact_;
    const ShiftInvertOptions options_;
    Monitor& monitor_;
    const Index n_;
    const double shift_;
    Index first_solves_ = 0, neighbours_ = 0;
    bool told_apart_ = false; // what rounding may have moved past the wanted pairs is a guard
    std::optional<Lanczos> lanczos_;
    Band::Pairs ritz_;
    Matrix V_, R_, S_, KS_;
};

} // namespace mehler
