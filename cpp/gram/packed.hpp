// Packed lower tiles in float64, float32 or 32-bit fixed point, filled tile by tile.
#pragma once
#include <cstdint>
#include <memory>
#include <type_traits>

#include "core/operator.hpp"
#include "gram/rounding.hpp"
#include "gram/symmetric_product.hpp"
#include "kernel/tile.hpp"

namespace mehler {

// Where a tile lies in K.
struct Corner {
    Index row, column;
};

// Entries start, ..., start + count - 1 of row r of a tile with so many columns, in strips; start
// is a multiple of a line.
template <class T>
void put_stretch(T* tile, Index columns, Index r, Index start, Index count, const double* values,
                 const Scale<T>& scale, Corner at) {
    const Index i = at.row + r, j = at.column + start;
    T* to = tile + Tiling::within<T>(r, start, columns);
    Index c = 0;
    for (; c + line<T> <= count; c += line<T>, to += strip * line<T>)
        for (Index l = 0; l < line<T>; ++l)
            to[l] = scale.stored(values[c + l], i, j + c + l);
    for (Index l = 0; c + l < count; ++l)
        to[l] = scale.stored(values[c + l], i, j + c + l);
}

// The upper half of a diagonal tile from its lower half: symmetric to the bit.
template <class T>
void mirror(T* tile, Index rows, Index columns) {
    for (Index r = 0; r < rows; ++r)
        for (Index c = r + 1; c < rows; ++c)
            tile[Tiling::within<T>(r, c, columns)] = tile[Tiling::within<T>(c, r, columns)];
}

// The lower tile (I, J) in strips. A diagonal tile is mirrored: symmetric to the bit.
template <class T>
void fill_lower(const Points& P, const Profile& h, const Tiling& tiling, Index I, Index J,
                double* work, T* out, Pairs* pairs, const Scale<T>& scale) {
    constexpr Index edge = Tiling::edge;
    const Index rows = tiling.rows(I), columns = tiling.columns(I, J), used = J < I ? edge : rows;
    if (I == J || rows % strip)
        std::fill(out, out + tiling.height(I) * columns, T(0));
    fill_tile(P, P, true, h, {I * edge, rows, J * edge, used}, work, pairs,
              [&](Index r, Index start, Index count, const double* values) {
                  put_stretch(out, columns, r, start, count, values, scale, {I * edge, J * edge});
              });
    if (I == J)
        mirror(out, rows, columns);
}

// Of the entries of a tile, which is whole cache lines.
template <class T>
double sum_of_squares(const T* entry, Index count) {
    constexpr Index lanes = Simd<double>::lanes;
    Vec<double> squares[2] = {};
    for (const T* end = entry + count; entry < end; entry += 2 * lanes)
        for (int v = 0; v < 2; ++v) {
            const Vec<double> x = widen(entry + v * lanes);
            squares[v] += x * x;
        }
    return sum<double>(squares[0] + squares[1]);
}

template <class T>
class PackedGram final : public Operator {
public:
    static constexpr bool fixed = std::is_integral_v<T>;
    using Value = std::conditional_t<fixed, double, T>; // what an entry is to others

    // top: no entry is larger; fixed point alone needs to know.
    PackedGram(std::shared_ptr<const Points> points, std::shared_ptr<const Profile> profile,
               double top, int threads, Monitor& monitor)
        : points_(std::move(points)), profile_(std::move(profile)), tiling_(points_->n()),
          scale_(top), data_(tiling_.entries()) {
        const Index tiles = tiling_.tiles();
        monitor.phase("fill", tiles);
        std::vector<Pairs> seen(static_cast<std::size_t>(tiling_.panels));
        std::vector<std::mutex> guards(static_cast<std::size_t>(tiling_.panels));
        parallel_for(tiles, threads, monitor, [&](Index t) {
            thread_local Buffer<double> work(Tiling::edge * Tiling::edge);
            // the longest panels first
            Index I, J;
            tiling_.tile(tiles - 1 - t, I, J);
            Pairs mine;
            fill_lower(*points_, *profile_, tiling_, I, J, work.data(),
                       data_.data() + tiling_.offset(I, J), &mine, scale_);
            {
                const std::lock_guard lock(guards[static_cast<std::size_t>(I)]);
                seen[static_cast<std::size_t>(I)].merge(mine);
            }
            monitor.done.fetch_add(1, std::memory_order_relaxed);
        });
        for (const Pairs& p : seen)
            pairs_.merge(p);
        pairs_.order();
    }

    // Filled elsewhere (many.hpp), as the tiles of fill_lower.
    PackedGram(std::shared_ptr<const Points> points, std::shared_ptr<const Profile> profile,
               const Scale<T>& scale, Buffer<T> data, Pairs pairs)
        : points_(std::move(points)), profile_(std::move(profile)), tiling_(points_->n()),
          scale_(scale), data_(std::move(data)), pairs_(std::move(pairs)) {}

    Index size() const override { return tiling_.n; }
    Index bytes() const override { return data_.bytes(); }
    const Pairs& pairs() const { return pairs_; }
    const Points& points() const { return *points_; }
    std::shared_ptr<const Points> shared_points() const { return points_; }
    std::shared_ptr<const Profile> shared_profile() const { return profile_; }

    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        symmetric_product<T>(tiling_, V, Y, b, threads, monitor, [&](Index, Index I, Index J) {
            return data_.data() + tiling_.offset(I, J);
        });
        if constexpr (fixed)
            for (Index i = 0; i < b * tiling_.n; ++i)
                Y[i] *= scale_.unit;
    }
    double unit() const { return scale_.unit; }

    const T* tile(Index I, Index J) const { return data_.data() + tiling_.offset(I, J); }
    void diagonal(double* out) const {
        for (Index i = 0; i < tiling_.n; ++i)
            out[i] = entry(i, i);
    }
    double entry(Index i, Index j) const {
        if (j > i)
            std::swap(i, j);
        const Index I = i / Tiling::edge, J = j / Tiling::edge;
        return scale_.unit * static_cast<double>(
                                 data_[tiling_.offset(I, J) +
                                       Tiling::within<T>(i - I * Tiling::edge, j - J * Tiling::edge,
                                                         tiling_.columns(I, J))]);
    }
    double frobenius(int threads, Monitor& monitor) const {
        std::vector<double> sums(static_cast<std::size_t>(tiling_.tiles()));
        parallel_for(tiling_.tiles(), threads, monitor, [&](Index t) {
            Index I, J;
            tiling_.tile(t, I, J);
            sums[static_cast<std::size_t>(t)] =
                (I == J ? 1.0 : 2.0) * sum_of_squares(data_.data() + tiling_.offset(I, J),
                                                      tiling_.height(I) * tiling_.columns(I, J));
        });
        double total = 0.0;
        for (const double part : sums)
            total += part;
        return scale_.unit * std::sqrt(total);
    }
    // The full (n, n) row-major matrix.
    template <class S>
    void dense(S* out, int threads, Monitor& monitor) const {
        const Index n = tiling_.n;
        parallel_for(tiling_.panels, threads, monitor, [&](Index I) {
            for (Index i = I * Tiling::edge; i < I * Tiling::edge + tiling_.rows(I); ++i)
                for (Index j = 0; j <= i; ++j)
                    out[i * n + j] = out[j * n + i] = static_cast<S>(entry(i, j));
        });
    }

private:
    std::shared_ptr<const Points> points_;
    std::shared_ptr<const Profile> profile_;
    Tiling tiling_;
    Scale<T> scale_;
    Buffer<T> data_;
    Pairs pairs_;
};

} // namespace mehler
