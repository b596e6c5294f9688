// Tall columns side by side, and the two passes over them: Q^t W and W + Q H.
//
// Rows are cut into chunks of fixed length, columns into slabs, which are allocated as columns
// join. A chunk of a slab holds its columns side by side, so that a pass over all of them is
// one sequential stream; sums over chunks are added in their order, so results do not depend on the
// number of threads. Blocks that have not joined are plain (n, b), columns contiguous.
#pragma once
#include <Eigen/Dense>
#include <array>
#include <cmath>

#include "core/parallel.hpp"
#include "core/simd.hpp"

namespace mehler {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

class Columns {
public:
    static constexpr Index chunk = 512; // rows; a multiple of any vector width
    static constexpr Index slab = 32;   // columns, of a matrix that grows

    explicit Columns(Index n, Index width = slab)
        : n_(n), chunks_((n + chunk - 1) / chunk), width_(width) {}

    Index rows() const { return n_; }
    Index columns() const { return k_; }
    Index bytes() const { return 8 * static_cast<Index>(slabs_.size()) * chunks_ * width_ * chunk; }
    void drop(Index k) { k_ = k; } // keep the first k

    // The b columns of W join.
    void append(const double* W, Index b, int threads, Monitor& monitor) {
        while (static_cast<Index>(slabs_.size()) * width_ < k_ + b)
            slabs_.emplace_back(chunks_ * width_ * chunk);
        parallel_for(chunks_, threads, monitor, [&](Index c) {
            for (Index j = 0; j < b; ++j) {
                double* to = at(c, k_ + j);
                const Index rows = rows_of(c);
                std::copy(W + j * n_ + c * chunk, W + j * n_ + c * chunk + rows, to);
                std::fill(to + rows, to + chunk, 0.0);
            }
        });
        k_ += b;
    }

    // Q becomes Q S.
    void rotate(const Matrix& S, int threads, Monitor& monitor) {
        parallel_for(chunks_, threads, monitor, [&](Index c) {
            Matrix rotated = Matrix::Zero(chunk, S.cols());
            for (Index j = 0; j < k_; j += width_)
                rotated.noalias() +=
                    Eigen::Map<const Matrix>(at(c, j), chunk, std::min(width_, k_ - j)) *
                    S.middleRows(j, std::min(width_, k_ - j));
            for (Index j = 0; j < S.cols(); ++j)
                std::copy_n(rotated.col(j).data(), chunk, at(c, j));
        });
        k_ = S.cols();
    }

    // H = Q^t W over columns [from, columns())
    Matrix inner(const double* W, Index b, Index from, int threads, Monitor& monitor) const {
        const Index k = k_ - from;
        std::vector<Matrix> parts(static_cast<std::size_t>(chunks_));
        parallel_for(chunks_, threads, monitor, [&](Index c) {
            Matrix& H = parts[static_cast<std::size_t>(c)];
            H.setZero(k, b);
            const Buffer<double> w = fetch(W, b, c);
            for (Index j = 0; j < k; ++j)
                for (Index i = 0; i < b; ++i)
                    H(j, i) = dot(at(c, from + j), w.data() + i * chunk);
        });
        Matrix H = Matrix::Zero(k, b);
        for (const Matrix& part : parts)
            H += part;
        return H;
    }

    // W += Q H over columns [from, from + H.rows())
    void add(const Matrix& H, double* W, Index from, int threads, Monitor& monitor) const {
        const Index k = H.rows();
        parallel_for(chunks_, threads, monitor, [&](Index c) {
            Buffer<double> w = fetch(W, H.cols(), c);
            Index j = 0;
            for (; j + 2 <= k; j += 2)
                for (Index i = 0; i < H.cols(); ++i)
                    axpys<2>(&H(j, i), {at(c, from + j), at(c, from + j + 1)},
                             w.data() + i * chunk);
            for (; j < k; ++j)
                for (Index i = 0; i < H.cols(); ++i)
                    axpys<1>(&H(j, i), {at(c, from + j)}, w.data() + i * chunk);
            for (Index i = 0; i < H.cols(); ++i)
                std::copy(w.data() + i * chunk, w.data() + i * chunk + rows_of(c),
                          W + i * n_ + c * chunk);
        });
    }

private:
    static constexpr int lanes = Simd<double>::lanes;
    using V = Vec<double>;

    double* at(Index c, Index column) {
        return slabs_[static_cast<std::size_t>(column / width_)].data() +
               (c * width_ + column % width_) * chunk;
    }
    const double* at(Index c, Index column) const {
        return slabs_[static_cast<std::size_t>(column / width_)].data() +
               (c * width_ + column % width_) * chunk;
    }
    Index rows_of(Index c) const { return std::min(chunk, n_ - c * chunk); }
    // Chunk c of the columns of W, padded with zeros.
    Buffer<double> fetch(const double* W, Index b, Index c) const {
        Buffer<double> w(b * chunk);
        const Index rows = rows_of(c);
        for (Index i = 0; i < b; ++i) {
            std::copy(W + i * n_ + c * chunk, W + i * n_ + c * chunk + rows, w.data() + i * chunk);
            std::fill(w.data() + i * chunk + rows, w.data() + (i + 1) * chunk, 0.0);
        }
        return w;
    }
    // One column at a time: a column stays in the nearest cache for all of W, and memory is one
    // stream.
    static double dot(const double* q, const double* w) {
        V acc[4] = {};
        for (Index l = 0; l < chunk; l += 4 * lanes)
            for (int v = 0; v < 4; ++v)
                acc[v] += load(q + l + v * lanes) * load(w + l + v * lanes);
        return sum<double>((acc[0] + acc[1]) + (acc[2] + acc[3]));
    }
    template <int R> // R columns at once: one load and store of w for all
    static void axpys(const double* h, std::array<const double*, R> q, double* w) {
        V s[R];
        for (int r = 0; r < R; ++r)
            s[r] = splat(h[r]);
        for (Index l = 0; l < chunk; l += lanes) {
            V t = load(w + l);
            for (int r = 0; r < R; ++r)
                t += load(q[static_cast<std::size_t>(r)] + l) * s[r];
            store(w + l, t);
        }
    }

    Index n_, chunks_, width_, k_ = 0;
    std::vector<Buffer<double>> slabs_;
};

} // namespace mehler
