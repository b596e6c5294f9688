// One tile of a kernel matrix: GEMM gives cosines, the profile gives entries, in cache; pairs
// nearer than `near` get their cosine deficit from differences, since 1 - |rho| has lost its digits
// there.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <compare>
#include <mutex>
#include <tuple>

#include "kernel/cosines.hpp"
#include "kernel/points.hpp"
#include "kernel/profile.hpp"

namespace mehler {

inline constexpr double near = 1e-3;

// What the fill saw of the pairs i != j: the nearest of each sign, and those that coincide.
struct Pair {
    Index i = -1, j = -1;
    double deficit = 3.0; // 1 - cos for the nearest pair, 1 + cos for the antipodal one
    auto operator<=>(const Pair& o) const {
        return std::tie(deficit, i, j) <=> std::tie(o.deficit, o.i, o.j);
    }
};
struct Pairs {
    Pair nearest, antipodal; // smallest 1 - cos, smallest 1 + cos
    std::vector<Pair> equal, opposite;
    Index equal_count = 0, opposite_count = 0;
    static constexpr double coincide = 2e-30; // angle below 2e-15: the same direction in doubles
    static constexpr std::size_t listed = 4096;

    void see(Index i, Index j, bool positive, double deficit) {
        Pair& best = positive ? nearest : antipodal;
        best = std::min(best, Pair{i, j, deficit});
        if (deficit > coincide)
            return;
        (positive ? equal_count : opposite_count) += 1;
        auto& list = positive ? equal : opposite;
        if (list.size() < listed)
            list.push_back({i, j, deficit});
    }
    // A pair whose cosine is right as it is.
    void see_far(Index i, Index j, double rho) {
        if (1.0 - rho <= nearest.deficit)
            nearest = std::min(nearest, Pair{i, j, 1.0 - rho});
        if (1.0 + rho <= antipodal.deficit)
            antipodal = std::min(antipodal, Pair{i, j, 1.0 + rho});
    }
    void merge(const Pairs& other) {
        nearest = std::min(nearest, other.nearest);
        antipodal = std::min(antipodal, other.antipodal);
        join(equal, other.equal);
        join(opposite, other.opposite);
        equal_count += other.equal_count;
        opposite_count += other.opposite_count;
    }
    void order() { // so that the lists do not depend on which thread saw what first
        std::sort(equal.begin(), equal.end());
        std::sort(opposite.begin(), opposite.end());
    }

private:
    // The first of both lists, whichever came first.
    static void join(std::vector<Pair>& list, const std::vector<Pair>& more) {
        list.insert(list.end(), more.begin(), more.end());
        if (list.size() <= listed)
            return;
        std::nth_element(list.begin(), list.begin() + listed, list.end());
        list.resize(listed);
    }
};

struct TileRange {
    Index row, rows, column, columns;
};

// Smallest and largest of count values, on SIMD lanes.
inline void extremes(const double* x, Index count, double& low, double& high) {
    using V = Vec<double>;
    constexpr int lanes = Simd<double>::lanes;
    low = high = x[0];
    Index c = 0;
    if (count >= 4 * lanes) {
        V l[4], h[4];
        for (int v = 0; v < 4; ++v)
            l[v] = h[v] = load(x + v * lanes);
        for (c = 4 * lanes; c + 4 * lanes <= count; c += 4 * lanes)
            for (int v = 0; v < 4; ++v) {
                const V t = load(x + c + v * lanes);
                l[v] = t < l[v] ? t : l[v];
                h[v] = t > h[v] ? t : h[v];
            }
        for (int v = 0; v < 4; ++v)
            for (int i = 0; i < lanes; ++i) {
                low = std::min(low, l[v][i]);
                high = std::max(high, h[v][i]);
            }
    }
    for (; c < count; ++c) {
        low = std::min(low, x[c]);
        high = std::max(high, x[c]);
    }
}

// Entries between points that bring their layers; everything else as in fill_tile.
template <class Sink>
void fill_layered_tile(const Points& P, const Points& Q, bool same, const TileRange& at,
                       double* work, Pairs* pairs, const Sink& sink) {
    constexpr Index span = NormDual::stretch;
    thread_local PointLayers::Space space;
    const Index d = P.d();
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<const Rows> A(P.unit() + at.row * d, at.rows, d),
        B(Q.unit() + at.column * d, at.columns, d);
    Eigen::Map<Rows>(work, at.rows, at.columns).noalias() = A * B.transpose();
    for (Index start = 0; start < at.columns; start += span) {
        const Index count = std::min(span, at.columns - start);
        for (Index top = 0; top < at.rows; top += NormDual::block) {
            const Index rows = std::min(NormDual::block, at.rows - top);
            double *minus = space.array(0), *plus = space.array(1);
            for (Index r = 0, e = 0; r < rows; ++r)
                for (Index c = 0; c < count; ++c, ++e) {
                    const Index i = at.row + top + r, j = at.column + start + c;
                    const double rho = work[(top + r) * at.columns + start + c];
                    double deficit = 1.0 - std::fabs(rho);
                    const bool positive = rho >= 0.0, counted = pairs && (!same || j < i);
                    if (deficit < near && !(same && i == j)) {
                        deficit = same && j > i ? Points::deficit(Q, j, P, i, positive)
                                                : Points::deficit(P, i, Q, j, positive);
                        if (counted)
                            pairs->see(i, j, positive, deficit);
                    } else if (counted) {
                        pairs->see_far(i, j, rho);
                    }
                    minus[e] = positive ? deficit : 2.0 - deficit;
                    plus[e] = positive ? 2.0 - deficit : deficit;
                }
            double* const K = PointLayers::entries(*P.layers(), at.row + top, rows, *Q.layers(),
                                                   at.column + start, count, space);
            for (Index r = 0; r < rows; ++r) {
                double* const line = K + r * count;
                const Index i = at.row + top + r - at.column - start; // column of the diagonal
                if (same && i >= 0 && i < count)
                    line[i] = P.layers()->diagonal(at.row + top + r);
                sink(top + r, start, count, line);
            }
        }
    }
}

// A cosine of a stretch that its entry does not come from.
struct Close {
    Index c;             // column in the stretch
    bool same, positive; // on the diagonal; the sign of the cosine
    double deficit;      // 1 - |cosine|, from differences
};

// A row's stretch of cosines, and what is to be repaired in it.
struct Stretch {
    Index r, start, count; // row and first column in the tile; start is a multiple of 256
    const double* rho;
    const Close* close;
    std::size_t found;
};

// The walk over a tile's cosines, one row's stretch after another, as use(stretch); work holds rows
// * columns doubles. `same`: P and Q are one set of points, so that i == j is the diagonal.
template <class Use>
void walk_tile(const Points& P, const Points& Q, bool same, const TileRange& at, double* work,
               Pairs* pairs, const Use& use) {
    const Index d = P.d();
    const bool few = d <= Cosines::few;
    if (!few) {
        using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        Eigen::Map<const Rows> A(P.unit() + at.row * d, at.rows, d),
            B(Q.unit() + at.column * d, at.columns, d);
        Eigen::Map<Rows>(work, at.rows, at.columns).noalias() = A * B.transpose();
    }

    constexpr Index span = Cosines::stretch;
    std::array<Close, span> close;
    Cosines cosines;
    double line[span];
    for (Index start = 0; start < at.columns; start += span) {
        const Index count = std::min(span, at.columns - start);
        if (few)
            cosines.turn(Q.unit() + (at.column + start) * d, count, d);
        for (Index r = 0; r < at.rows; ++r) {
            const Index i = at.row + r;
            const double* rho = few ? line : work + r * at.columns + start;
            if (few)
                cosines.with(P.unit() + i * d, line);
            double high, low;
            extremes(rho, count, low, high);
            std::size_t found = 0;
            const bool some = high > 1.0 - near || low < near - 1.0;
            const bool nearest = pairs && (1.0 - high <= pairs->nearest.deficit ||
                                           1.0 + low <= pairs->antipodal.deficit);
            for (Index c = 0; (some || nearest) && c < count; ++c) {
                const Index j = at.column + start + c;
                if (same && i == j) {
                    close[found++] = {c, true, true, 0.0};
                    continue;
                }
                const bool counted = pairs && (!same || j < i);
                if (1.0 - std::fabs(rho[c]) >= near) {
                    if (counted)
                        pairs->see_far(i, j, rho[c]);
                    continue;
                }
                const bool positive = rho[c] >= 0.0;
                // always from the larger index to the smaller: exact symmetry
                const double deficit = same && j > i ? Points::deficit(Q, j, P, i, positive)
                                                     : Points::deficit(P, i, Q, j, positive);
                close[found++] = {c, false, positive, deficit};
                if (counted)
                    pairs->see(i, j, positive, deficit);
            }
            use(Stretch{r, start, count, rho, close.data(), found});
        }
    }
}

// out = the profile of a stretch, near pairs from their deficits, scaled.
inline void entries(const Profile& profile, const Points& P, const Points& Q, const TileRange& at,
                    const Stretch& s, double* out) {
    profile.evaluate(s.rho, out, s.count);
    for (std::size_t m = 0; m < s.found; ++m) {
        const Close& close = s.close[m];
        out[close.c] = close.same ? profile.at_one() : profile.at(close.positive, close.deficit);
    }
    if (P.scaled() || Q.scaled()) {
        const double* q = Q.scales() + at.column + s.start;
        const double p = P.scale(at.row + s.r);
        for (Index c = 0; c < s.count; ++c)
            out[c] *= p * q[c];
    }
}

// Entries of the tile, handed over a stretch at a time as sink(r, start, count, values), start a
// multiple of 256; work and `same` as in walk_tile.
template <class Sink>
void fill_tile(const Points& P, const Points& Q, bool same, const Profile& profile,
               const TileRange& at, double* work, Pairs* pairs, const Sink& sink) {
    if (P.layers()) {
        fill_layered_tile(P, Q, same, at, work, pairs, sink);
        return;
    }
    double h[Cosines::stretch];
    walk_tile(P, Q, same, at, work, pairs, [&](const Stretch& s) {
        entries(profile, P, Q, at, s, h);
        sink(s.r, s.start, s.count, h);
    });
}

} // namespace mehler
