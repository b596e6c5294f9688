// Operators made of operators: products in a row, and low-rank changes.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <memory>
#include <vector>

#include "core/operator.hpp"
#include "core/parallel.hpp"

namespace mehler {

// A_1 A_2 ... A_k, the last one applied first.
class Composition final : public Operator {
public:
    explicit Composition(std::vector<std::shared_ptr<const Operator>> factors)
        : factors_(std::move(factors)) {}
    Index size() const override { return factors_.front()->size(); }
    Index bytes() const override { return 0; } // those of its factors are counted there
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        Eigen::MatrixXd in = Eigen::Map<const Eigen::MatrixXd>(V, size(), b), out(size(), b);
        for (std::size_t k = factors_.size(); k-- > 0; std::swap(in, out))
            factors_[k]->apply(in.data(), out.data(), b, threads, monitor);
        Eigen::Map<Eigen::MatrixXd>(Y, size(), b) = in;
    }

private:
    std::vector<std::shared_ptr<const Operator>> factors_;
};

class Identity final : public Operator {
public:
    explicit Identity(Index n) : n_(n) {}
    Index size() const override { return n_; }
    Index bytes() const override { return 0; }
    void apply(const double* V, double* Y, Index b, int, Monitor&) const override {
        std::copy_n(V, n_ * b, Y);
    }

private:
    Index n_;
};

// scale A + shift I + G M G^t, G (n, r), M (r, r) symmetric. With the right G and M that is
//
//   (A^-1 + C^t C)^-1 = A - G (I + C G)^-1 G^t,       G = A C^t          (Woodbury)
//   the inverse of A^-1 on the complement of V = A - G (V^t G)^-1 G^t,   G = A V
//
// Rows of G are cut into chunks: sums over them have a fixed order.
class LowRankChange final : public Operator {
public:
    using Matrix = Eigen::MatrixXd;
    LowRankChange(std::shared_ptr<const Operator> A, double scale, double shift, Matrix G, Matrix M)
        : A_(std::move(A)), scale_(scale), shift_(shift), G_(std::move(G)), M_(std::move(M)) {}
    Index size() const override { return A_->size(); }
    Index bytes() const override { return 8 * (G_.size() + M_.size()); }
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        A_->apply(V, Y, b, threads, monitor);
        const Index n = size(), chunks = (n + chunk - 1) / chunk;
        const Eigen::Map<const Matrix> in(V, n, b);
        Eigen::Map<Matrix> out(Y, n, b);
        std::vector<Matrix> parts(static_cast<std::size_t>(chunks));
        parallel_for(chunks, threads, monitor, [&](Index c) {
            const Index from = c * chunk, rows = std::min(chunk, n - from);
            parts[static_cast<std::size_t>(c)].noalias() =
                G_.middleRows(from, rows).transpose() * in.middleRows(from, rows);
        });
        Matrix inner = Matrix::Zero(G_.cols(), b);
        for (const Matrix& part : parts)
            inner += part;
        const Matrix H = M_ * inner;
        parallel_for(chunks, threads, monitor, [&](Index c) {
            const Index from = c * chunk, rows = std::min(chunk, n - from);
            auto part = out.middleRows(from, rows);
            if (scale_ != 1.0)
                part *= scale_;
            if (shift_ != 0.0)
                part += shift_ * in.middleRows(from, rows);
            part.noalias() += G_.middleRows(from, rows) * H;
        });
    }

private:
    static constexpr Index chunk = 4096;
    std::shared_ptr<const Operator> A_;
    const double scale_, shift_;
    const Matrix G_, M_;
};

} // namespace mehler
