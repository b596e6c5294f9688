// Sparse inverse Cholesky factor of the tail of a kernel matrix: K_tail^-1 is near Q = U U^t.
//
//     K_tail = D (h(X X^t) - sum_{k <= L} A_k (X X^t)^k - C C^t) D + shift I
//
// (entrywise powers; C (n, r): what else is taken out, such as landmarks; D: the scaling of
// points). Column i of U lives on s = (the m nearest earlier points of i, and i), where it
// minimises the Kullback-Leibler divergence from N(0, K_tail):
//
//     U_{s, i} = K_ss^-1 e_i / sqrt(e_i^t K_ss^-1 e_i) = L^-t e_last,   L L^t = K_ss, i last
//
// (Schaefer, Katzfuss and Owhadi 2021). Every column stands alone: n m^3 / 3 flops, any order.
#pragma once
#include <Eigen/Cholesky>
#include <limits>

#include "core/operator.hpp"
#include "gram/neighbours.hpp"
#include "kernel/profile.hpp"
#include "kernel/tile.hpp"

namespace mehler {

// Sparse rows side by side. Offsets are 64-bit; a row's own entries name points in 32 bits, which
// halves what a product streams (make_sparse refuses more points than that).
struct Compressed {
    Buffer<Index> start; // (n + 1)
    Buffer<std::uint32_t> index;
    Buffer<double> value;
    Index bytes() const { return start.bytes() + index.bytes() + value.bytes(); }
};

class SparseInverse final : public Operator {
public:
    // low (L + 1): A_0 .. A_L; C (n, r) row-major, r may be 0; order (n): the points in their
    // order, a permutation.
    SparseInverse(const Points& points, const Profile& profile, const std::vector<double>& low,
                  const double* C, Index r, const Index* order, Index m, double shift, int threads,
                  Monitor& monitor)
        : n_(points.n()), m_(std::min(m, points.n() - 1)) {
        if (n_ >= Index(std::numeric_limits<std::uint32_t>::max()))
            throw std::length_error("a sparse inverse numbers its points in 32 bits");
        columns_ = {Buffer<Index>(n_ + 1), Buffer<std::uint32_t>(entries(n_, m_)),
                    Buffer<double>(entries(n_, m_))};
        std::vector<Index> length(static_cast<std::size_t>(n_));
        for (Index rank = 0; rank < n_; ++rank)
            length[static_cast<std::size_t>(order[rank])] = std::min(rank, m_) + 1;
        columns_.start[0] = 0;
        for (Index i = 0; i < n_; ++i)
            columns_.start[i + 1] = columns_.start[i] + length[static_cast<std::size_t>(i)];

        monitor.phase("neighbours", 0);
        const std::unique_ptr<Search> search = make_search(points, order, threads, monitor);
        const Index panels = (n_ + Search::panel - 1) / Search::panel;
        monitor.phase("sparse inverse", panels);
        std::vector<Index> raised(static_cast<std::size_t>(panels), 0);
        std::vector<Pairs> seen(static_cast<std::size_t>(panels));
        parallel_for(panels, threads, monitor, [&](Index p) {
            const Index panel = panels - 1 - p; // the longest searches first
            const Index from = panel * Search::panel, to = std::min(n_, from + Search::panel);
            std::vector<std::vector<Index>> lists(static_cast<std::size_t>(to - from));
            search->find(from, to, m_, lists);
            Column column(points, profile, low, C, r, m_, shift);
            for (Index rank = from; rank < to; ++rank) {
                std::vector<Index>& s = lists[static_cast<std::size_t>(rank - from)];
                if (static_cast<Index>(s.size()) != std::min(rank, m_))
                    throw std::logic_error("a search found too few neighbours");
                for (Index& neighbour : s)
                    neighbour = order[neighbour];
                s.push_back(order[rank]);
                const Index at = columns_.start[order[rank]];
                raised[static_cast<std::size_t>(panel)] += column.solve(
                    s, columns_.value.data() + at, seen[static_cast<std::size_t>(panel)]);
                for (std::size_t k = 0; k < s.size(); ++k)
                    columns_.index[at + static_cast<Index>(k)] = static_cast<std::uint32_t>(s[k]);
                if (rank % 16 == 0)
                    monitor.tick();
            }
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        });
        for (const Index count : raised)
            raised_ += count;
        for (const Pairs& some : seen)
            pairs_.merge(some);
        pairs_.order();
        transpose();
    }

    static Index entries(Index n, Index m) { return m * (m + 1) / 2 + (n - m) * (m + 1); }
    static Index bytes_for(Index n, Index m) {
        m = std::min(m, n - 1);
        return 2 * (8 * (n + 1) + 12 * entries(n, m));
    }
    Index size() const override { return n_; }
    Index bytes() const override { return columns_.bytes() + rows_.bytes(); }
    Index neighbours() const { return m_; }
    // The nearest pairs (of the two signs together), and pairs that coincide: each is among its
    // later point's neighbours.
    const Pairs& pairs() const { return pairs_; }
    // Columns whose K_ss was singular to rounding, and got a larger diagonal.
    Index raised() const { return raised_; }

    // Y = Q V
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        each_block(V, Y, b, threads, monitor, true, true);
    }
    // Y = U^t V, and Y = U V
    void apply_transpose(const double* V, double* Y, Index b, int threads, Monitor& monitor) const {
        each_block(V, Y, b, threads, monitor, true, false);
    }
    void apply_factor(const double* V, double* Y, Index b, int threads, Monitor& monitor) const {
        each_block(V, Y, b, threads, monitor, false, true);
    }

private:
    static constexpr Index chunk = 2048;

    // The tail between the points of a column, its factor, and the column.
    class Column {
    public:
        Column(const Points& points, const Profile& profile, const std::vector<double>& low,
               const double* C, Index r, Index m, double shift)
            : points_(points), profile_(profile), low_(low), C_(C), r_(r), shift_(shift),
              K_(m + 1, m + 1), rho_(static_cast<std::size_t>((m + 1) * (m + 1))), h_(rho_.size()) {
            double sum = 0.0;
            for (const double a : low_)
                sum += a;
            top_ = profile.at_one() - sum;
        }

        // out (|s|): U_{s, i}. Returns 1 when the diagonal had to be raised.
        Index solve(const std::vector<Index>& s, double* out, Pairs& pairs) {
            const Index k = static_cast<Index>(s.size());
            evaluate(s, pairs);
            auto L = K_.topLeftCorner(k, k);
            Eigen::MatrixXd& kept = kept_;
            kept = L;
            double raise = 0.0;
            while (!factor(k)) {
                raise = raise == 0.0 ? 1e-14 * profile_.at_one() : 10.0 * raise;
                if (!std::isfinite(raise))
                    throw std::runtime_error("the tail of the kernel is not finite");
                L = kept;
                L.diagonal().array() += raise;
            }
            Eigen::Map<Eigen::VectorXd> u(out, k);
            u.setZero();
            u[k - 1] = 1.0;
            L.triangularView<Eigen::Lower>().transpose().solveInPlace(u);
            for (Index a = 0; a < k; ++a)
                u[a] /= points_.scale(s[static_cast<std::size_t>(a)]);
            return raise > 0.0;
        }

    private:
        // Lower triangle of K_ss of the unit points.
        void evaluate(const std::vector<Index>& s, Pairs& pairs) {
            const Index k = static_cast<Index>(s.size()), d = points_.d();
            Index count = 0;
            close_.clear();
            products(points_.unit(), d, s);
            for (Index a = 1; a < k; ++a)
                for (Index c = 0; c < a; ++c, ++count) {
                    rho_[static_cast<std::size_t>(count)] = dots_(a, c);
                    if (1.0 - std::fabs(dots_(a, c)) < near)
                        close_.push_back({a, c, count});
                }
            if (r_ > 0)
                products(C_, r_, s);
            if (static_cast<Index>(close_.size()) < count)
                profile_.evaluate(rho_.data(), h_.data(), count);
            for (const Close& pair : close_) {
                const bool positive = rho_[static_cast<std::size_t>(pair.at)] >= 0.0;
                const double deficit =
                    Points::deficit(points_, s[static_cast<std::size_t>(pair.a)], points_,
                                    s[static_cast<std::size_t>(pair.c)], positive);
                h_[static_cast<std::size_t>(pair.at)] = profile_.at(positive, deficit);
                if (pair.a == k - 1)
                    see(pairs, s, pair.c, positive, deficit);
            }
            for (Index c = 0; c + 1 < k; ++c) {
                const double rho = rho_[static_cast<std::size_t>(count - k + 1 + c)];
                if (1.0 - std::fabs(rho) >= near)
                    see(pairs, s, c, rho >= 0.0, 1.0 - std::fabs(rho));
            }
            count = 0;
            for (Index a = 0; a < k; ++a) {
                for (Index c = 0; c < a; ++c, ++count) {
                    const double rho = rho_[static_cast<std::size_t>(count)];
                    double polynomial = 0.0;
                    for (std::size_t l = low_.size(); l-- > 0;)
                        polynomial = polynomial * rho + low_[l];
                    K_(a, c) = h_[static_cast<std::size_t>(count)] - polynomial;
                }
                const double D = points_.scale(s[static_cast<std::size_t>(a)]);
                K_(a, a) = top_ + shift_ / (D * D);
            }
            if (r_ > 0)
                K_.topLeftCorner(k, k) -= dots_.topLeftCorner(k, k);
        }
        static void see(Pairs& pairs, const std::vector<Index>& s, Index c, bool positive,
                        double deficit) {
            const Index i = s.back(), j = s[static_cast<std::size_t>(c)];
            pairs.see(std::max(i, j), std::min(i, j), positive, deficit);
        }
        // dots = Y Y^t, lower triangle, Y the rows s of an array of so many columns
        void products(const double* from, Index columns, const std::vector<Index>& s) {
            const Index k = static_cast<Index>(s.size());
            Y_.resize(k, columns);
            for (Index a = 0; a < k; ++a)
                std::copy_n(from + s[static_cast<std::size_t>(a)] * columns, columns, &Y_(a, 0));
            dots_.resize(k, k);
            dots_.triangularView<Eigen::Lower>() = Y_ * Y_.transpose();
        }
        // In place; false when a pivot is rounding.
        bool factor(Index k) {
            auto L = K_.topLeftCorner(k, k);
            const double largest = L.diagonal().maxCoeff();
            Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> llt(L);
            if (llt.info() != Eigen::Success)
                return false;
            const double least = L.diagonal().minCoeff();
            return least * least > 1e-15 * largest;
        }

        struct Close {
            Index a, c, at;
        };
        const Points& points_;
        const Profile& profile_;
        const std::vector<double>& low_;
        const double* C_;
        const Index r_;
        const double shift_;
        double top_ = 0.0; // the tail's diagonal, but for C and the shift
        Eigen::MatrixXd K_, kept_, dots_;
        Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> Y_;
        std::vector<double> rho_, h_;
        std::vector<Close> close_;
    };

    void transpose() {
        rows_ = {Buffer<Index>(n_ + 1), Buffer<std::uint32_t>(columns_.index.size()),
                 Buffer<double>(columns_.value.size())};
        std::fill_n(rows_.start.data(), n_ + 1, Index(0));
        for (Index e = 0; e < columns_.index.size(); ++e)
            ++rows_.start[columns_.index[e] + 1];
        for (Index i = 0; i < n_; ++i)
            rows_.start[i + 1] += rows_.start[i];
        std::vector<Index> next(rows_.start.data(), rows_.start.data() + n_);
        for (Index j = 0; j < n_; ++j)
            for (Index e = columns_.start[j]; e < columns_.start[j + 1]; ++e) {
                const Index to = next[columns_.index[e]]++;
                rows_.index[to] = static_cast<std::uint32_t>(j);
                rows_.value[to] = columns_.value[e];
            }
    }

    void each_block(const double* V, double* Y, Index b, int threads, Monitor& monitor, bool first,
                    bool second) const {
        while (b > 0) {
            const Index step = b >= 4 ? 4 : b >= 2 ? 2 : 1;
            if (step == 4)
                product<4>(V, Y, threads, monitor, first, second);
            else if (step == 2)
                product<2>(V, Y, threads, monitor, first, second);
            else
                product<1>(V, Y, threads, monitor, first, second);
            V += step * n_;
            Y += step * n_;
            b -= step;
        }
    }

    // Vectors lie interleaved, (n, B) row by row: one line of memory serves all of them.
    template <int B>
    void product(const double* V, double* Y, int threads, Monitor& monitor, bool transposed,
                 bool factor) const {
        Buffer<double> x(n_ * B), y(n_ * B);
        const Index chunks = (n_ + chunk - 1) / chunk;
        parallel_for(chunks, threads, monitor, [&](Index c) {
            for (Index i = c * chunk; i < std::min(n_, (c + 1) * chunk); ++i)
                for (int k = 0; k < B; ++k)
                    x[i * B + k] = V[k * n_ + i];
        });
        for (const bool on_columns : {true, false}) {
            if (!(on_columns ? transposed : factor))
                continue;
            const Compressed& S = on_columns ? columns_ : rows_;
            parallel_for(chunks, threads, monitor, [&](Index c) {
                for (Index i = c * chunk; i < std::min(n_, (c + 1) * chunk); ++i)
                    gather<B>(S, i, x.data(), y.data() + i * B);
            });
            std::swap(x, y);
        }
        parallel_for(chunks, threads, monitor, [&](Index c) {
            for (Index i = c * chunk; i < std::min(n_, (c + 1) * chunk); ++i)
                for (int k = 0; k < B; ++k)
                    Y[k * n_ + i] = x[i * B + k];
        });
    }
    template <int B>
    static void gather(const Compressed& S, Index i, const double* x, double* y) {
        double sum[B] = {};
        for (Index e = S.start[i]; e < S.start[i + 1]; ++e) {
            const double* from = x + static_cast<Index>(S.index[e]) * B;
            for (int k = 0; k < B; ++k)
                sum[k] += S.value[e] * from[k];
        }
        std::copy_n(sum, B, y);
    }

    Index n_, m_, raised_ = 0;
    Compressed columns_, rows_; // of U
    Pairs pairs_;
};

// U or U^t as an operator of its own.
class SparseFactor final : public Operator {
public:
    SparseFactor(std::shared_ptr<const SparseInverse> whole, bool transposed)
        : whole_(std::move(whole)), transposed_(transposed) {}
    Index size() const override { return whole_->size(); }
    Index bytes() const override { return whole_->bytes(); }
    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        if (transposed_)
            whole_->apply_transpose(V, Y, b, threads, monitor);
        else
            whole_->apply_factor(V, Y, b, threads, monitor);
    }

private:
    std::shared_ptr<const SparseInverse> whole_;
    bool transposed_;
};

} // namespace mehler
