// Generalised Davidson: lowest eigenpairs from a basis that grows by preconditioned residuals.
//
//     T = V^t K V,   T s = theta s,   r = K V s - theta V s,   V <- [V, P^-1 r],   P near K.
//
// The basis is kept orthonormal and as long as memory allows: no information is thrown away until
// then, and a restart keeps the lowest Ritz vectors. Each step costs one block product, whose
// images K V are kept, so that residuals are true residuals. The block holds the lowest Ritz pairs,
// wanted or not: a neighbour that only looks converged shows itself in its company.
// (Morgan and Scott 1986; Stathopoulos and Saad 1998; of preconditioners with an exact part, Mandel
// 1993.)
#pragma once
#include <optional>

#include "solve/eigensolver.hpp"

namespace mehler {

class Davidson final : public Eigensolver {
public:
    Davidson(const Operator& K, const Operator& inverse, const EigenOptions& options,
             Monitor& monitor)
        : Eigensolver(K, options, monitor), inverse_(inverse),
          targets_(std::min(n_, std::max(b_, options.wanted))),
          most_(std::min(n_, std::max({options.most_basis, 4 * targets_ + b_, Index(24)})) + b_),
          basis_(n_, options.threads, monitor), images_(n_, options.threads, monitor) {}

    void run() override {
        try {
            start();
            while (!test()) {
                if (applications >= options_.most_applications) {
                    end = End::too_many;
                    break;
                }
                if (basis_.columns() + b_ > most_)
                    restart();
                expand();
            }
        } catch (const Interrupted&) {
            end = End::stopped;
        }
    }

    Matrix vectors(double window) override {
        Monitor quiet;
        basis_.watch(quiet);
        Matrix S = ritz_.leftCols(values.size());
        if (window > 0.0 && end == End::converged) {
            Index count = near(theta_, window);
            S = ritz_.leftCols(count);
            if (count == theta_.size() && count < basis_.columns()) {
                const Eigen::SelfAdjointEigenSolver<Matrix> all(T_);
                count = std::min(near(all.eigenvalues(), window), values.size() + most_guards);
                S = all.eigenvectors().leftCols(count);
            }
        }
        Matrix V = Matrix::Zero(n_, S.cols());
        basis_.add(S, V.data());
        for (Index i = 0; i < V.cols(); ++i)
            V.col(i).normalize();
        basis_.watch(monitor_);
        return V;
    }

    // Exactly what the basis B knows of A = K - theta, P on the rest (balancing, Mandel 1993):
    //
    //     B E^-1 B^t + (I - B E^-1 (A B)^t) P^-1 (I - A B E^-1 B^t),     E = B^t A B
    //
    // without the wanted Ritz pairs, which are those of V.
    Vector precondition(const Matrix& V, const Vector& s, double theta, double) const override {
        const Vector c = coarse(basis_.inner(s.data(), 1), theta);
        Matrix both(n_, 2); // B c, and s - A B c
        both << Vector::Zero(n_), s;
        Matrix weights(c.size(), 2);
        weights << c, theta * c;
        basis_.add(weights, both.data());
        images_.add(-c, both.col(1).data());
        Vector z(n_);
        inverse_.apply(both.col(1).data(), z.data(), 1, options_.threads, monitor_);
        const Vector h = images_.inner(z.data(), 1) - theta * basis_.inner(z.data(), 1);
        z += both.col(0);
        basis_.add(-coarse(h, theta), z.data());
        return z - V * (V.transpose() * z).eval();
    }
    bool complete() const override { return basis_.columns() >= n_; }
    Index order() const override { return 2 * basis_.columns(); } // with the images

private:
    // E^-1 h, in the Ritz pairs of the whole basis that lie above theta
    Vector coarse(const Vector& h, double theta) const {
        if (!all_)
            all_.emplace(T_);
        Vector y = all_->eigenvectors().transpose() * h;
        for (Index j = 0; j < y.size(); ++j) {
            const double gap = all_->eigenvalues()[j] - theta;
            y[j] = j < values.size() || !(gap > 0.0) ? 0.0 : y[j] / gap;
        }
        return all_->eigenvectors() * y;
    }

    void start() {
        monitor_.phase("preconditioned", 0);
        W_ = Matrix(n_, b_);
        image_ = Matrix(n_, b_);
        for (Index c = 0; c < b_; ++c)
            randomise(W_.col(c).data());
        // |K|: two steps of the power method find an outlier, and of a flat spectrum the size
        for (int step = 0; step < 2; ++step) {
            W_.col(0).normalize();
            K_.apply(W_.col(0).data(), image_.col(0).data(), 1, options_.threads, monitor_);
            ++applications;
            norm = image_.col(0).norm();
            W_.col(0) = image_.col(0);
        }
        randomise(W_.col(0).data());
        inverse_.apply(W_.data(), image_.data(), b_, options_.threads, monitor_);
        W_ = image_;
        join(b_);
    }

    // The lowest pairs of T and their residuals; false while the wanted ones are not there.
    bool test() {
        const Index k = basis_.columns();
        Vector& theta = theta_;
        lowest(theta, ritz_);
        const Index wanted = std::min(options_.wanted, k), targets = std::min(targets_, k);
        Matrix R = Matrix::Zero(n_, targets);
        images_.add(ritz_.leftCols(targets), R.data());
        basis_.add(-(ritz_.leftCols(targets) * theta.head(targets).asDiagonal()), R.data());
        values = theta.head(wanted);
        Vector sizes = R.colwise().norm();
        residuals = sizes.head(wanted);
        if (k < options_.wanted)
            residuals.setConstant(norm); // the rest is still to come
        norm = std::max(norm, std::fabs(theta[0]));
        if ((judge() && (end == End::below || nothing_hidden(theta))) || k >= n_)
            return true;
        // the lowest that have not converged go on
        Index chosen = 0;
        for (Index i = 0; i < targets && chosen < b_; ++i)
            if (sizes[i] > options_.tol * std::fabs(theta[i]) || targets - i <= b_ - chosen)
                W_.col(chosen++) = R.col(i);
        for (; chosen < b_; ++chosen)
            randomise(W_.col(chosen).data());
        return false;
    }

    void expand() {
        inverse_.apply(W_.data(), image_.data(), b_, options_.threads, monitor_);
        std::swap(W_, image_);
        for (Index c = 0; c < b_; ++c)
            W_.col(c).normalize();
        basis_.orthogonalise(W_.data(), b_);
        if (W_.colwise().norm().minCoeff() < 0.1) // cancelled: what is left holds its rounding
            basis_.orthogonalise(W_.data(), b_);
        join(std::min(b_, n_ - basis_.columns()));
    }

    // W, orthonormal to the basis from here on, and K W enter.
    void join(Index count) {
        orthonormalise(W_, basis_, 1.0);
        K_.apply(W_.data(), image_.data(), count, options_.threads, monitor_);
        ++applications;
        const Index k = basis_.columns();
        basis_.append(W_.data(), count);
        images_.append(image_.data(), count);
        const Matrix H = basis_.inner(image_.data(), count);
        if (!H.allFinite())
            throw std::runtime_error("a product with the operator gave NaN or infinity");
        T_.conservativeResize(k + count, k + count);
        T_.rightCols(count) = H;
        T_.bottomRows(count) = H.transpose();
        const Matrix corner = H.bottomRows(count);
        T_.bottomRightCorner(count, count) = 0.5 * (corner + corner.transpose());
    }

    // The lowest targets + 2 pairs of T: inverse iteration from the vectors of the smaller T.
    void lowest(Vector& theta, Matrix& S) const {
        const Index k = T_.rows(), width = std::min(k, targets_ + 2);
        if (k <= 40 || S.cols() < width || S.rows() > k) {
            const Eigen::SelfAdjointEigenSolver<Matrix> all(T_);
            theta = all.eigenvalues().head(width);
            S = all.eigenvectors().leftCols(width);
            return;
        }
        const Index before = S.rows();
        S.conservativeResize(k, width);
        S.bottomRows(k - before).setConstant(1e-3);
        ritz_step(theta, S);
        double back = std::max(theta[width - 1] - theta[0], 1e-14 * norm);
        Eigen::LLT<Matrix> factor(shifted(theta[0] - back));
        while (factor.info() != Eigen::Success)
            factor.compute(shifted(theta[0] - (back *= 4.0)));
        const double enough = std::max(1e-3 * options_.tol * std::fabs(theta[0]), 1e-15 * norm);
        for (int round = 0; round < 60; ++round) {
            factor.solveInPlace(S);
            if (ritz_step(theta, S) <= enough)
                return;
        }
        const Eigen::SelfAdjointEigenSolver<Matrix> all(T_);
        theta = all.eigenvalues().head(width);
        S = all.eigenvectors().leftCols(width);
    }
    // S becomes orthonormal Ritz vectors in its own span; the largest residual of the targets.
    double ritz_step(Vector& theta, Matrix& S) const {
        const Eigen::HouseholderQR<Matrix> qr(S);
        S = qr.householderQ() * Matrix::Identity(S.rows(), S.cols());
        const Matrix TS = T_ * S;
        const Matrix H = S.transpose() * TS;
        const Eigen::SelfAdjointEigenSolver<Matrix> small(0.5 * (H + H.transpose()));
        theta = small.eigenvalues();
        S = S * small.eigenvectors();
        const Matrix R = TS * small.eigenvectors() - S * theta.asDiagonal();
        return R.leftCols(targets_).colwise().norm().maxCoeff();
    }
    Matrix shifted(double shift) const {
        return T_ - shift * Matrix::Identity(T_.rows(), T_.cols());
    }
    // Thick restart: a third of the basis stays, the lowest Ritz vectors.
    void restart() {
        Monitor quiet; // all or nothing
        const Eigen::SelfAdjointEigenSolver<Matrix> all(T_);
        const Index keep = std::max(targets_ + 1, basis_.columns() / 3);
        const Matrix S = all.eigenvectors().leftCols(keep);
        for (Basis* basis : {&basis_, &images_}) {
            basis->watch(quiet);
            basis->rotate(S);
            basis->watch(monitor_);
        }
        T_ = all.eigenvalues().head(keep).asDiagonal();
        ritz_ = Matrix::Identity(keep, std::min(keep, targets_ + 2));
    }

    const Operator& inverse_;
    const Index targets_, most_;
    Basis basis_, images_;
    Matrix T_, W_, image_, ritz_;
    Vector theta_;                                                     // of ritz_
    mutable std::optional<Eigen::SelfAdjointEigenSolver<Matrix>> all_; // of T, when run() has ended
};

} // namespace mehler
