// Operators made of operators: products in a row, and low-rank changes.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "core/operator.hpp"
#include "solve/columns.hpp"

namespace mehler {

// A_1 A_2 ... A_k, the last one applied first.
class Composition final : public Operator {
public:
    explicit Composition(std::vector<std::shared_ptr<const Operator>> factors)
        : factors_(std::move(factors)) {}
    Index size() const override { return factors_.front()->size(); }
    Index bytes() const override { return 0; } // those of its factors are counted there
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        Matrix in = Eigen::Map<const Matrix>(V, size(), b), out(size(), b);
        for (std::size_t k = factors_.size(); k-- > 0; std::swap(in, out))
            factors_[k]->apply(in.data(), out.data(), b, threads, monitor);
        Eigen::Map<Matrix>(Y, size(), b) = in;
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
// A product streams G twice, whatever the number of vectors.
class LowRankChange final : public Operator {
public:
    LowRankChange(std::shared_ptr<const Operator> A, double scale, double shift,
                  const Eigen::Ref<const Matrix>& G, Matrix M)
        : A_(std::move(A)), scale_(scale), shift_(shift),
          G_(G.rows(), std::max(G.cols(), Index(1))), M_(std::move(M)) {
        Monitor quiet;
        G_.append(G.data(), G.cols(), 1, quiet);
    }
    Index size() const override { return A_->size(); }
    Index bytes() const override { return G_.bytes() + 8 * M_.size(); }
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        A_->apply(V, Y, b, threads, monitor);
        const Matrix H = M_ * G_.inner(V, b, 0, threads, monitor);
        if (scale_ != 1.0 || shift_ != 0.0)
            for (Index i = 0; i < size() * b; ++i)
                Y[i] = scale_ * Y[i] + shift_ * V[i];
        G_.add(H, Y, 0, threads, monitor);
    }

private:
    std::shared_ptr<const Operator> A_;
    const double scale_, shift_;
    Columns G_;
    const Matrix M_;
};

} // namespace mehler
