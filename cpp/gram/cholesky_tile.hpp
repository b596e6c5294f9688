// What Cholesky does to single tiles, column-major, in place:
//
//   update            C -= A B^t
//   update_diagonal   C -= A A^t, lower part
//   factor_tile       C  = L L^t, lower part
//   divide            X  = X L^-t
//
// Eigen's product does all but the innermost blocks. Those are plain substitution with true
// divisions: the error bounds of the textbook's Cholesky hold for the factor. How many roundings a
// term of a sum passes is what the certificate counts (python/mehler/certificates/allowance.py);
// whoever changes the order of the sums changes the count.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

template <class T>
using Tile = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>, 0, Eigen::OuterStride<>>;

template <class T>
inline Tile<T> part(T* data, Index ld, Index row, Index column, Index rows, Index columns) {
    return {data + column * ld + row, rows, columns, Eigen::OuterStride<>(ld)};
}

inline constexpr Index inner_block = 32;     // of substitution
inline constexpr Index diagonal_block = 128; // of the update of a diagonal tile

// C -= A B^t, each sum in a few long pieces. Eigen takes a single row or column for a matrix times
// a vector and subtracts four terms at a time, a rounding of C each time: there the sum is made
// first.
template <class Block, class Left, class Right>
void subtract_product(Block&& C, const Left& A, const Right& B) {
    using T = typename Left::Scalar;
    const bool row = C.rows() == 1;
    if (!row && C.cols() != 1) {
        C.noalias() -= A * B.transpose();
        return;
    }
    Eigen::Matrix<T, Eigen::Dynamic, 1> sum =
        Eigen::Matrix<T, Eigen::Dynamic, 1>::Zero(row ? C.cols() : C.rows());
    for (Index k = 0; k < A.cols(); ++k)
        if (row)
            sum += B.col(k) * A(0, k);
        else
            sum += A.col(k) * B(0, k);
    if (row)
        C.row(0) -= sum.transpose();
    else
        C.col(0) -= sum;
}

template <class T>
void update(Tile<T> C, Tile<T> A, Tile<T> B) {
    subtract_product(C, A, B);
}

template <class T>
void update_diagonal(Tile<T> C, Tile<T> A) {
    const Index n = C.rows();
    for (Index c = 0; c < n; c += diagonal_block) {
        const Index width = std::min(diagonal_block, n - c);
        subtract_product(C.block(c, c, n - c, width), A.bottomRows(n - c), A.middleRows(c, width));
    }
}

// The lower triangle of a block of L by rows: entry (c, p) at c * inner_block + p.
template <class T>
struct Triangle {
    T entry[inner_block * inner_block];
    Triangle(const T* L, Index ld, Index n) {
        for (Index c = 0; c < n; ++c)
            for (Index p = 0; p <= c; ++p)
                entry[c * inner_block + p] = L[p * ld + c];
    }
};

// R vectors of rows of X (.., width), X = X L^-t: row by row x_c = (x_c - sum_p x_p L_cp) / L_cc.
template <class T, int R>
inline void divide_rows(const Triangle<T>& L, T* X, Index ld, Index width) {
    constexpr int lanes = Simd<T>::lanes;
    for (Index c = 0; c < width; ++c) {
        Vec<T> x[R];
        for (int r = 0; r < R; ++r)
            x[r] = load(X + c * ld + r * lanes);
        for (Index p = 0; p < c; ++p) {
            const Vec<T> l = splat(L.entry[c * inner_block + p]);
            for (int r = 0; r < R; ++r)
                x[r] -= load(X + p * ld + r * lanes) * l;
        }
        const Vec<T> pivot = splat(L.entry[c * inner_block + c]);
        for (int r = 0; r < R; ++r)
            store(X + c * ld + r * lanes, x[r] / pivot);
    }
}

template <class T>
void divide_block(const T* L, Index ldl, T* X, Index ld, Index rows, Index width) {
    constexpr Index lanes = Simd<T>::lanes;
    const Triangle<T> triangle(L, ldl, width);
    Index r = 0;
    for (; r + 8 * lanes <= rows; r += 8 * lanes)
        divide_rows<T, 8>(triangle, X + r, ld, width);
    for (; r + lanes <= rows; r += lanes)
        divide_rows<T, 1>(triangle, X + r, ld, width);
    for (; r < rows; ++r)
        for (Index c = 0; c < width; ++c) {
            T x = X[c * ld + r];
            for (Index p = 0; p < c; ++p)
                x -= X[p * ld + r] * triangle.entry[c * inner_block + p];
            X[c * ld + r] = x / triangle.entry[c * inner_block + c];
        }
}

// X (rows, n) = X L^-t, in halves: products of the largest size there is.
template <class T>
void divide(const T* L, Index ldl, T* X, Index ld, Index rows, Index n) {
    if (n <= inner_block) {
        divide_block(L, ldl, X, ld, rows, n);
        return;
    }
    const Index half = std::max(inner_block, n / 2 / inner_block * inner_block);
    divide(L, ldl, X, ld, rows, half);
    subtract_product(part(X, ld, 0, half, rows, n - half), part(X, ld, 0, 0, rows, half),
                     part(const_cast<T*>(L), ldl, half, 0, n - half, half));
    divide(L + half * ldl + half, ldl, X + half * ld, ld, rows, n - half);
}

// C (n, n) = L L^t. The first column whose pivot is not positive, or -1; `pivot` says what it was.
template <class T>
Index factor_tile(T* C, Index ld, Index n, double& pivot) {
    if (n <= inner_block) {
        for (Index j = 0; j < n; ++j) {
            T* column = C + j * ld;
            for (Index p = 0; p < j; ++p) {
                const T l = C[p * ld + j];
                for (Index i = j; i < n; ++i)
                    column[i] -= C[p * ld + i] * l;
            }
            if (!(column[j] > T(0)) || !std::isfinite(column[j])) {
                pivot = static_cast<double>(column[j]);
                return j;
            }
            const T root = std::sqrt(column[j]);
            column[j] = root;
            for (Index i = j + 1; i < n; ++i)
                column[i] /= root;
        }
        return -1;
    }
    const Index half = std::max(inner_block, n / 2 / inner_block * inner_block);
    const Index failed = factor_tile(C, ld, half, pivot);
    if (failed >= 0)
        return failed;
    divide(C, ld, C + half, ld, n - half, half);
    update_diagonal(part(C, ld, half, half, n - half, n - half),
                    part(C, ld, half, 0, n - half, half));
    const Index later = factor_tile(C + half * ld + half, ld, n - half, pivot);
    return later >= 0 ? half + later : -1;
}

} // namespace mehler
