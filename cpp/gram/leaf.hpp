// A kernel matrix cut up for processes that hold a part of it each.
//
// The list of lower tiles is cut into L = 2^k leaves, L by n alone. What a leaf adds to Y = K V is
// an (n, b) sum; leaves are summed as a binary tree, a node being 2^j leaves that begin at a
// multiple of 2^j:
//
//     sum(node) = sum(left half) + sum(right half).
//
// Whoever holds both halves adds them, so that Y does not depend, to the bit, on who holds what.
#pragma once
#include <bit>

#include "gram/packed.hpp"

namespace mehler {

// Leaves of at least 16 tiles where there are many: at most 1024 of them.
inline Index leaves_of(const Tiling& tiling) {
    const Index tiles = tiling.tiles();
    const Index wanted = std::clamp(tiles / 16, std::min<Index>(tiles, 16), Index{1024});
    return static_cast<Index>(std::bit_floor(static_cast<std::uint64_t>(wanted)));
}

// The tiles of leaf l of an (n, n) matrix: held, or computed again in every product.
template <class T>
class Leaf {
public:
    static constexpr bool fixed = std::is_integral_v<T>;

    // points: the first ones of the n are enough, up to the last row of the leaf's tiles.
    Leaf(std::shared_ptr<const Points> points, std::shared_ptr<const Profile> profile, Index n,
         Index l, double top, bool held, int threads, Monitor& monitor)
        : points_(std::move(points)), profile_(std::move(profile)), tiling_(n), scale_(top) {
        const Index leaves = leaves_of(tiling_), tiles = tiling_.tiles();
        first_ = tiles * l / leaves;
        last_ = tiles * (l + 1) / leaves;
        if (points_->n() < rows(n, l))
            throw std::invalid_argument("a leaf needs the points of its rows");
        if (held)
            fill(threads, monitor);
    }

    // How many of the n points leaf l is made of.
    static Index rows(Index n, Index l) {
        const Tiling tiling(n);
        Index I = 0, J = 0;
        tiling.tile(tiling.tiles() * (l + 1) / leaves_of(tiling) - 1, I, J);
        return I * Tiling::edge + tiling.rows(I);
    }
    // Bytes of leaf l, held.
    static Index bytes(Index n, Index l) {
        const Tiling tiling(n);
        const Index leaves = leaves_of(tiling), tiles = tiling.tiles();
        return static_cast<Index>(sizeof(T)) *
               (offset(tiling, tiles * (l + 1) / leaves) - offset(tiling, tiles * l / leaves));
    }

    const Tiling& tiling() const { return tiling_; }
    const Pairs& pairs() const { return pairs_; }
    Index bytes() const { return data_.bytes(); }
    double unit() const { return scale_.unit; }

    // Its sums (n, B), in units.
    template <int B>
    void add(const double* panels, double* sums, Monitor& monitor) const {
        const Index base = offset(tiling_, first_);
        add_tiles<T, B>(tiling_, first_, last_, panels, sums, monitor, [&](Index I, Index J) {
            if (data_.data())
                return data_.data() + tiling_.offset(I, J) - base;
            constexpr Index area = Tiling::edge * Tiling::edge;
            thread_local Buffer<double> work(area);
            thread_local Buffer<T> tile(area);
            fill_lower(*points_, *profile_, tiling_, I, J, work.data(), tile.data(), nullptr,
                       scale_);
            return static_cast<const T*>(tile.data());
        });
    }

    // sum K_ij^2 over the tiles held, and their mirror images.
    double squares(int threads, Monitor& monitor) const {
        std::vector<double> sums(static_cast<std::size_t>(last_ - first_));
        const Index base = offset(tiling_, first_);
        parallel_for(last_ - first_, threads, monitor, [&](Index k) {
            Index I, J;
            tiling_.tile(first_ + k, I, J);
            const T* entry = data_.data() + tiling_.offset(I, J) - base;
            const T* const end = entry + tiling_.height(I) * tiling_.columns(I, J);
            double total = 0.0;
            for (; entry < end; ++entry)
                total += static_cast<double>(*entry) * static_cast<double>(*entry);
            sums[static_cast<std::size_t>(k)] = (I == J ? 1.0 : 2.0) * total;
        });
        double total = 0.0;
        for (const double part : sums)
            total += part;
        return scale_.unit * scale_.unit * total;
    }

private:
    static Index offset(const Tiling& tiling, Index t) {
        if (t == tiling.tiles())
            return tiling.entries();
        Index I = 0, J = 0;
        tiling.tile(t, I, J);
        return tiling.offset(I, J);
    }

    void fill(int threads, Monitor& monitor) {
        const Index base = offset(tiling_, first_);
        data_ = Buffer<T>(offset(tiling_, last_) - base);
        std::mutex guard;
        parallel_for(last_ - first_, threads, monitor, [&](Index k) {
            thread_local Buffer<double> work(Tiling::edge * Tiling::edge);
            Index I, J;
            tiling_.tile(first_ + k, I, J);
            Pairs mine;
            fill_lower(*points_, *profile_, tiling_, I, J, work.data(),
                       data_.data() + tiling_.offset(I, J) - base, &mine, scale_);
            const std::lock_guard lock(guard);
            pairs_.merge(mine);
        });
        pairs_.order();
    }

    std::shared_ptr<const Points> points_;
    std::shared_ptr<const Profile> profile_;
    Tiling tiling_;
    Index first_ = 0, last_ = 0;
    Scale<T> scale_;
    Buffer<T> data_;
    Pairs pairs_;
};

// Y (n, b) of the leaves of a node, in order: 2^j of them.
template <class T>
struct Node {
    std::vector<std::shared_ptr<Leaf<T>>> leaves;
    double* Y;
};

template <class T, int B>
void node_products(const std::vector<Node<T>>& nodes, const double* V, Index at, int threads,
                   Monitor& monitor) {
    struct Piece {
        const Leaf<T>* leaf;
        double* sums;
    };
    const Tiling& tiling = nodes.front().leaves.front()->tiling();
    const Index n = tiling.n, size = n * B;
    Index count = 0;
    for (const Node<T>& node : nodes)
        count += static_cast<Index>(node.leaves.size());
    ProductSpace& space = product_space();
    at_least(space.panels, tiling.panels * Tiling::edge * B);
    at_least(space.sums, count * size);
    pack_panels<B>(tiling, V, space.panels.data(), threads, monitor);
    std::vector<Piece> pieces;
    for (const Node<T>& node : nodes)
        for (const auto& leaf : node.leaves)
            pieces.push_back(
                {leaf.get(), space.sums.data() + static_cast<Index>(pieces.size()) * size});
    parallel_for(count, threads, monitor, [&](Index p) {
        const Piece& piece = pieces[static_cast<std::size_t>(p)];
        piece.leaf->template add<B>(space.panels.data(), piece.sums, monitor);
    });
    constexpr Index chunk = 4096;
    parallel_for((size + chunk - 1) / chunk, threads, monitor, [&](Index c) {
        const Index from = c * chunk, to = std::min(size, from + chunk);
        std::size_t p = 0;
        for (const Node<T>& node : nodes) {
            const std::size_t many = node.leaves.size();
            for (std::size_t half = 1; half < many; half *= 2)
                for (std::size_t l = 0; l < many; l += 2 * half) {
                    double* const left = pieces[p + l].sums;
                    const double* const right = pieces[p + l + half].sums;
                    for (Index i = from; i < to; ++i)
                        left[i] += right[i];
                }
            const double unit = node.leaves.front()->unit();
            for (Index i = from; i < to; ++i)
                node.Y[at * n + i] = unit * pieces[p].sums[i];
            p += many;
        }
    });
}

// The sums of nodes, each into its own (n, b): four vectors at a time, then two, then one.
template <class T>
void node_products(const std::vector<Node<T>>& nodes, const double* V, Index b, int threads,
                   Monitor& monitor) {
    const Index n = nodes.front().leaves.front()->tiling().n;
    for (Index at = 0; at < b;) {
        const Index step = b - at >= 4 ? 4 : b - at >= 2 ? 2 : 1;
        if (step == 4)
            node_products<T, 4>(nodes, V + at * n, at, threads, monitor);
        else if (step == 2)
            node_products<T, 2>(nodes, V + at * n, at, threads, monitor);
        else
            node_products<T, 1>(nodes, V + at * n, at, threads, monitor);
        at += step;
    }
}

} // namespace mehler
