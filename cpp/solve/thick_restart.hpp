// Thick restart of block Lanczos: what is kept of a basis, and how the recurrence goes on from it.
//
// Before:  K Q = Q T + Q_next B E^t,  T (k, k) a band of width b. For orthonormal S (k, p) with
// T S = S H (Ritz vectors), K (Q S) = (Q S) H + Q_next C, C = B E^t S: the matrix
//
//     [ H  C^t ]        (p + b, p + b)
//     [ C   0  ]
//
// is an arrow. Reflections Z of its first p rows and columns, from the last row upwards, make it a
// band of width b again, whose last rows are [0 R], R upper triangular:
//
// After:   K Q' = Q' T' + Q_next R E'^t,  Q' = Q S Z,  T' = Z^t H Z,
//
// the same invariant with p columns in place of k. Nothing else in Lanczos has to know. (Thick
// restart: Wu and Simon 2000; for blocks, Zhou and Saad 2008. In exact arithmetic it is Sorensen's
// implicit restart, but reflections are backward stable whatever is kept.)
#pragma once
#include "solve/band.hpp"

namespace mehler {

struct ThickRestart {
    Eigen::MatrixXd rotation; // S Z  (k, p)
    Eigen::MatrixXd T;        // T'   (p, p), of which a band is not zero
    Eigen::MatrixXd B;        // R    (b, b)

    // S: the `low` lowest and the `high` highest Ritz vectors of T.
    ThickRestart(const Band& band, const Eigen::MatrixXd& coupling, Index low, Index high,
                 Monitor& monitor) {
        const Index k = band.order(), b = coupling.rows(), p = low + high;
        Eigen::MatrixXd S(k, p);
        S.leftCols(low) = band.lowest(low, {}, &monitor).vectors;
        if (high > 0)
            S.rightCols(high) = band.highest(high, &monitor).vectors;
        const Eigen::HouseholderQR<Eigen::MatrixXd> qr(S);
        S = qr.householderQ() * Eigen::MatrixXd::Identity(k, p);
        const Eigen::MatrixXd H = S.transpose() * band.times(S);
        Eigen::MatrixXd M = Eigen::MatrixXd::Zero(p + b, p + b);
        M.topLeftCorner(p, p) = 0.5 * (H + H.transpose());
        M.bottomLeftCorner(b, p) = coupling * S.bottomRows(b);
        M.topRightCorner(p, b) = M.bottomLeftCorner(b, p).transpose();
        Eigen::MatrixXd Z = Eigen::MatrixXd::Identity(p, p);
        for (Index i = p + b - 1; i > b; --i) {
            reflect(M, Z, i, i - b);
            if (i % 16 == 0)
                monitor.check();
        }
        rotation.noalias() = S * Z;
        T = M.topLeftCorner(p, p);
        B = M.bottomRightCorner(b, 2 * b).leftCols(b).triangularView<Eigen::Upper>();
    }

private:
    // The entries of row i before column `last` become zero.
    static void reflect(Eigen::MatrixXd& M, Eigen::MatrixXd& Z, Index i, Index last) {
        Eigen::VectorXd v = M.row(i).head(last + 1).transpose();
        const double size = v.norm();
        if (!(size > 0.0))
            return;
        v[last] += v[last] < 0.0 ? -size : size;
        const double scale = 2.0 / v.squaredNorm();
        auto columns = M.leftCols(last + 1);
        const Eigen::VectorXd right = scale * (columns * v);
        columns.noalias() -= right * v.transpose();
        auto rows = M.topRows(last + 1);
        const Eigen::RowVectorXd left = scale * (v.transpose() * rows);
        rows.noalias() -= v * left;
        auto all = Z.leftCols(last + 1);
        const Eigen::VectorXd image = scale * (all * v);
        all.noalias() -= image * v.transpose();
    }
};

} // namespace mehler
