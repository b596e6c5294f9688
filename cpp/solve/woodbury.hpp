// A low-rank part and the rest, inverted at the price of the low-rank part:
//
//     P = D (C^t M^-1 C + tau I) D,     C (r, n), M (r, r), D diagonal,
//     P^-1 = D^-1 (I - C^t S^-1 C) D^-1 / tau,     S = tau M + C C^t   (Woodbury).
//
// C is held in float32 and S made from it as held, so that P^-1 is positive definite all the same.
// Columns are cut into chunks, a chunk holds its part of every row side by side: both passes over C
// are one sequential stream, and sums over chunks have a fixed order.
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/operator.hpp"
#include "core/parallel.hpp"
#include "core/simd.hpp"

namespace mehler {

class Woodbury final : public Operator {
public:
    using Matrix = Eigen::MatrixXd;
    using Vector = Eigen::VectorXd;

    static constexpr Index chunk = 512;

    // C (chunks, r, chunk), padded with zeros, kept by the caller: chunk p holds columns p chunk,
    // ... of all rows. M of size 0 means I, D of size 0 means I.
    Woodbury(const float* C, Index r, Index n, const Matrix& M, double tau, Vector D, int threads,
             Monitor& monitor)
        : r_(r), n_(n), chunks_((n + chunk - 1) / chunk), tau_(tau), D_(std::move(D)), C_(C) {
        Matrix S;
        double ridge = 0.0;
        for (int attempt = 0;; ++attempt) {
            S = M.size() ? Matrix(tau * M) : Matrix(tau * Matrix::Identity(r, r));
            // products in float32 disturb S by less than 1e-6 of its trace: nothing beside such a
            // tau
            if (M.size() == 0 && tau > 1e-5 * squares())
                add_squares<float>(S, threads, monitor);
            else
                add_squares<double>(S, threads, monitor);
            // rounding makes S indefinite where rows nearly coincide; a larger S leaves P^-1
            // definite
            const double trace = S.trace();
            S.diagonal().array() += ridge * trace;
            const Eigen::LLT<Eigen::Ref<Matrix>> factor(S); // in place
            if (factor.info() == Eigen::Success)
                break;
            if (attempt == 5 || !std::isfinite(trace))
                throw std::runtime_error("the low-rank part is not positive definite");
            ridge = attempt ? 100.0 * ridge : std::numeric_limits<double>::epsilon();
        }
        invert(S, threads, monitor);
    }
    Index size() const override { return n_; }
    Index bytes() const override { return 4 * chunks_ * r_ * chunk + 8 * r_ * r_; }

    // Y = P^-1 V
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        Matrix U = Matrix::Zero(chunks_ * chunk, b);
        U.topRows(n_) = Eigen::Map<const Matrix>(V, n_, b);
        if (D_.size())
            U.topRows(n_).array().colwise() /= D_.array();
        std::vector<Matrix> parts(static_cast<std::size_t>(chunks_));
        parallel_for(chunks_, threads, monitor, [&](Index p) {
            Matrix& part = parts[static_cast<std::size_t>(p)];
            part.resize(r_, b);
            Index c = 0;
            for (; c + 2 <= b; c += 2)
                inner<2>(p, U, c, part);
            if (c < b)
                inner<1>(p, U, c, part);
        });
        Matrix sums = Matrix::Zero(r_, b), H(r_, b);
        for (const Matrix& part : parts)
            sums += part;
        parallel_for((r_ + strip - 1) / strip, threads, monitor, [&](Index p) {
            const Index i = p * strip, height = std::min(strip, r_ - i);
            for (Index c = 0; c < b; ++c) // rows of S^-1 are its columns
                H.col(c).segment(i, height).noalias() =
                    inverse_.middleCols(i, height).transpose() * sums.col(c);
        });
        parallel_for(chunks_, threads, monitor, [&](Index p) {
            Index c = 0;
            for (; c + 2 <= b; c += 2)
                subtract<2>(p, H, c, U);
            if (c < b)
                subtract<1>(p, H, c, U);
        });
        Eigen::Map<Matrix> out(Y, n_, b);
        out = U.topRows(n_) / tau_;
        if (D_.size())
            out.array().colwise() /= D_.array();
    }

private:
    static constexpr Index edge = 384, strip = 128;
    static constexpr Index line = 16, ahead = 2048; // floats: of a cache line, prefetched ahead
    static constexpr int lanes = Simd<double>::lanes;

    const float* at(Index p, Index row) const { return C_ + (p * r_ + row) * chunk; }

    // The trace of C C^t, at least its norm.
    double squares() const {
        double sum = 0.0;
        for (Index i = 0; i < chunks_ * r_ * chunk; ++i)
            sum += double(C_[i]) * double(C_[i]);
        return sum;
    }

    // S += C C^t, lower triangle tile by tile; products of a chunk in T, their sum in double.
    template <class T>
    void add_squares(Matrix& S, int threads, Monitor& monitor) const {
        using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        using Rows = Eigen::Map<const Floats>;
        const Index panels = (r_ + edge - 1) / edge;
        parallel_for(panels * (panels + 1) / 2, threads, monitor, [&](Index tile) {
            Index p = 0;
            while ((p + 1) * (p + 2) / 2 <= tile)
                ++p;
            const Index q = tile - p * (p + 1) / 2;
            const Index i = p * edge, height = std::min(edge, r_ - i);
            const Index j = q * edge, width = std::min(edge, r_ - j);
            Matrix sum = Matrix::Zero(height, width);
            Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> AB; // kept: no fresh pages
            Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> A, B;
            for (Index k = 0; k < chunks_ && !monitor.stopped(); ++k) {
                const Rows a(at(k, i), height, chunk), b(at(k, j), width, chunk);
                if constexpr (std::is_same_v<T, float>) {
                    AB.noalias() = a * b.transpose();
                } else {
                    A = a.template cast<T>();
                    B = b.template cast<T>();
                    AB.noalias() = A * B.transpose();
                }
                sum += AB.template cast<double>();
                monitor.tick();
            }
            S.block(i, j, height, width) += sum;
        });
    }

    // S^-1, columns of a strip at a time: L^-1 of them begins with zeros. A product with it is one
    // stream that all threads share, where two triangular solves would leave all but one waiting.
    void invert(const Matrix& L, int threads, Monitor& monitor) {
        inverse_.setZero(r_, r_);
        parallel_for((r_ + strip - 1) / strip, threads, monitor, [&](Index p) {
            const Index i = p * strip, width = std::min(strip, r_ - i), rest = r_ - i;
            auto part = inverse_.middleCols(i, width);
            part.middleRows(i, width).setIdentity();
            Matrix below = part.bottomRows(rest);
            L.bottomRightCorner(rest, rest)
                .template triangularView<Eigen::Lower>()
                .solveInPlace(below);
            part.bottomRows(rest) = below;
            below = part;
            L.template triangularView<Eigen::Lower>().transpose().solveInPlace(below);
            part = below;
        });
    }

    // part(i, c) = <c_i, u_c> within chunk p, rows two by two: each load of u serves both
    template <int B>
    void inner(Index p, const Matrix& U, Index c, Matrix& part) const {
        Index i = 0;
        for (; i + 2 <= r_; i += 2)
            inner_rows<2, B>(at(p, i), &U(p * chunk, c), U.rows(), &part(i, c));
        if (i < r_)
            inner_rows<1, B>(at(p, i), &U(p * chunk, c), U.rows(), &part(i, c));
    }
    template <int R, int B>
    void inner_rows(const float* row, const double* u, Index stride, double* h) const {
        Vec<double> acc[2][R][B] = {};
        for (Index k = 0; k < chunk; k += line) {
            for (int r = 0; r < R; ++r)
                __builtin_prefetch(row + r * chunk + k + ahead);
            for (Index l = k; l < k + line; l += 2 * lanes)
                for (int v = 0; v < 2; ++v)
                    for (int r = 0; r < R; ++r) {
                        const Vec<double> t = widen(row + r * chunk + l + v * lanes);
                        for (int b = 0; b < B; ++b)
                            acc[v][r][b] += t * load(u + b * stride + l + v * lanes);
                    }
        }
        for (int r = 0; r < R; ++r)
            for (int b = 0; b < B; ++b)
                h[b * r_ + r] = sum<double>(acc[0][r][b] + acc[1][r][b]);
    }
    // u_c -= sum_i H(i, c) c_i within chunk p, rows four by four
    template <int B>
    void subtract(Index p, const Matrix& H, Index c, Matrix& U) const {
        Index i = 0;
        for (; i + 4 <= r_; i += 4)
            subtract_rows<4, B>(at(p, i), &H(i, c), U.rows(), &U(p * chunk, c));
        for (; i < r_; ++i)
            subtract_rows<1, B>(at(p, i), &H(i, c), U.rows(), &U(p * chunk, c));
    }
    template <int R, int B>
    void subtract_rows(const float* row, const double* h, Index stride, double* u) const {
        Vec<double> factor[R][B];
        for (int r = 0; r < R; ++r)
            for (int b = 0; b < B; ++b)
                factor[r][b] = splat(h[b * r_ + r]);
        for (Index k = 0; k < chunk; k += line) {
            for (int r = 0; r < R; ++r)
                __builtin_prefetch(row + r * chunk + k + ahead);
            for (Index l = k; l < k + line; l += lanes) {
                Vec<double> t[B];
                for (int b = 0; b < B; ++b)
                    t[b] = load(u + b * stride + l);
                for (int r = 0; r < R; ++r) {
                    const Vec<double> entry = widen(row + r * chunk + l);
                    for (int b = 0; b < B; ++b)
                        t[b] -= factor[r][b] * entry;
                }
                for (int b = 0; b < B; ++b)
                    store(u + b * stride + l, t[b]);
            }
        }
    }

    Index r_, n_, chunks_;
    double tau_;
    Vector D_;
    const float* C_;
    Matrix inverse_;
};

} // namespace mehler
