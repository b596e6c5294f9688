// R of a tall matrix A = Q R that arrives in blocks of rows and is never stored (blocked TSQR:
// Demmel, Grigori, Hoemmen and Langou 2012).
//
//     R( [A_1; A_2; ...] ) = R( [R(A_1); R(A_2); ...] )
//
// Invariant: slot l holds the factor of 2^l blocks, or nothing, as the digits of a binary counter:
// every row passes at most log2(blocks) + 1 reflections' worth of rounding, and the tree is a
// function of the number of rows alone.
#pragma once
#include <Eigen/QR>

#include <vector>

#include "core/parallel.hpp"

namespace mehler {

class TriangularFactor {
public:
    using Rows =
        Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

    // Blocks of `height` rows, n columns.
    TriangularFactor(Index n, Index height) : n_(n), height_(height) {}

    // Rows of A; a number that is no multiple of the height is taken as the last one.
    void push(const Rows& A, int threads, Monitor& monitor) {
        const Index count = (A.rows() + height_ - 1) / height_;
        std::vector<Eigen::MatrixXd> factors(static_cast<std::size_t>(count));
        parallel_for(count, threads, monitor, [&](Index b) {
            const Index from = b * height_, rows = std::min(height_, A.rows() - from);
            factors[static_cast<std::size_t>(b)] =
                reduce(A.middleRows(from, rows), count > 1 ? 1 : threads, monitor);
        });
        for (auto& R : factors)
            carry(std::move(R), threads, monitor);
    }

    // The factor of all rows so far: (min(rows, n), n), upper triangular.
    Eigen::MatrixXd factor(int threads, Monitor& monitor) const {
        Eigen::MatrixXd R(0, n_);
        for (const auto& slot : slots_)
            if (slot.rows() > 0)
                R = R.rows() > 0 ? reduce(stacked(slot, R), threads, monitor) : slot;
        return R;
    }

private:
    static constexpr Index panel = 48, tile = 256; // columns: reflected at once, updated at once

    // R of A = Q R, its diagonal of either sign: a panel, then all that is right of it.
    template <class Matrix>
    static Eigen::MatrixXd reduce(const Matrix& given, int threads, Monitor& monitor) {
        Eigen::MatrixXd A = given;
        const Index rank = std::min(A.rows(), A.cols());
        for (Index k = 0; k < rank; k += panel) {
            const Index rows = A.rows() - k, width = std::min(panel, A.cols() - k);
            const Index after = k + width, rest = A.cols() - after;
            Eigen::Ref<Eigen::MatrixXd> left = A.block(k, k, rows, width);
            Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd>> qr(left);
            parallel_for((rest + tile - 1) / tile, threads, monitor, [&](Index t) {
                const Index from = after + t * tile, columns = std::min(tile, A.cols() - from);
                A.block(k, from, rows, columns).applyOnTheLeft(qr.householderQ().adjoint());
            });
        }
        return A.topRows(rank).template triangularView<Eigen::Upper>();
    }
    Eigen::MatrixXd stacked(const Eigen::MatrixXd& first, const Eigen::MatrixXd& second) const {
        Eigen::MatrixXd A(first.rows() + second.rows(), n_);
        A << first, second;
        return A;
    }
    void carry(Eigen::MatrixXd R, int threads, Monitor& monitor) {
        std::size_t level = 0;
        for (; level < slots_.size() && slots_[level].rows() > 0; ++level) {
            R = reduce(stacked(slots_[level], R), threads, monitor);
            slots_[level].resize(0, n_);
        }
        if (level == slots_.size())
            slots_.emplace_back();
        slots_[level] = std::move(R);
    }

    Index n_, height_;
    std::vector<Eigen::MatrixXd> slots_;
};

} // namespace mehler
