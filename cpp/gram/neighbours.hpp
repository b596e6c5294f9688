// The m nearest earlier points of every point, in the projective distance: near means |rho| near 1.
//
// Points stand in a given order, their rank; the neighbours of a point are sought among lower ranks
// only. Two searches, one answer but for ties: a k-d tree in low dimension, and in high dimension
// tiles of cosines with the m best of each row kept as they run. Neither holds n x n numbers.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <limits>
#include <memory>

#include "kernel/points.hpp"

namespace mehler {

// A neighbour and its distance: 2 (1 - |rho|), ties by rank.
struct Neighbour {
    double distance;
    Index rank;
    bool operator<(const Neighbour& o) const {
        return distance < o.distance || (distance == o.distance && rank < o.rank);
    }
};

// The m nearest so far: a heap with the farthest on top.
class Nearest {
public:
    explicit Nearest(Index m) : m_(static_cast<std::size_t>(m)) { heap_.reserve(m_ + 1); }
    double limit() const {
        return heap_.size() < m_ ? std::numeric_limits<double>::infinity() : heap_.front().distance;
    }
    void see(Neighbour candidate) {
        if (heap_.size() < m_) {
            heap_.push_back(candidate);
            std::push_heap(heap_.begin(), heap_.end());
        } else if (candidate < heap_.front()) {
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.back() = candidate;
            std::push_heap(heap_.begin(), heap_.end());
        }
    }
    // The ranks, nearest first; the heap is empty afterwards.
    void take(std::vector<Index>& ranks) {
        std::sort_heap(heap_.begin(), heap_.end());
        ranks.clear();
        for (const Neighbour& neighbour : heap_)
            ranks.push_back(neighbour.rank);
        heap_.clear();
    }

private:
    std::size_t m_;
    std::vector<Neighbour> heap_;
};

class Search {
public:
    static constexpr Index panel = 256;
    virtual ~Search() = default;
    virtual Index bytes() const = 0;
    // lists[i - from]: the nearest ranks below i, for i in [from, to), to - from <= panel.
    virtual void find(Index from, Index to, Index m,
                      std::vector<std::vector<Index>>& lists) const = 0;
};

// A k-d tree over all points. A node knows its box and its lowest rank, a leaf holds its points in
// the order of their ranks, so what is not earlier is passed over at once.
class TreeSearch final : public Search {
public:
    // Z (n, d) row-major, unit points in the order of their ranks; kept.
    TreeSearch(Buffer<double> Z, Index n, Index d) : Z_(std::move(Z)), d_(d), ranks_(n) {
        for (Index i = 0; i < n; ++i)
            ranks_[i] = i;
        nodes_.reserve(static_cast<std::size_t>(4 * n / leaf + 8));
        boxes_.reserve(static_cast<std::size_t>((4 * n / leaf + 8) * 2 * d));
        grow(0, n);
    }
    Index bytes() const override {
        return Z_.bytes() + ranks_.bytes() + static_cast<Index>(sizeof(Node) * nodes_.capacity()) +
               static_cast<Index>(sizeof(double) * boxes_.capacity());
    }
    void find(Index from, Index to, Index m,
              std::vector<std::vector<Index>>& lists) const override {
        Nearest best(m);
        std::vector<double> q(static_cast<std::size_t>(d_));
        for (Index i = from; i < to; ++i) {
            for (const double sign : {1.0, -1.0}) {
                for (Index k = 0; k < d_; ++k)
                    q[static_cast<std::size_t>(k)] = sign * Z_[i * d_ + k];
                visit(0, q.data(), i, sign > 0.0, gap(0, q.data()), best);
            }
            best.take(lists[static_cast<std::size_t>(i - from)]);
        }
    }

private:
    static constexpr Index leaf = 12;
    struct Node {
        Index begin, end; // of ranks_, of a leaf
        Index left = -1, right = -1;
        Index lowest; // rank in it
    };

    Index grow(Index begin, Index end) {
        const Index self = static_cast<Index>(nodes_.size());
        nodes_.push_back({begin, end, -1, -1, 0});
        const std::size_t box = boxes_.size();
        boxes_.resize(box + static_cast<std::size_t>(2 * d_));
        Index widest = 0;
        double width = -1.0;
        for (Index k = 0; k < d_; ++k) {
            double low = std::numeric_limits<double>::infinity(), high = -low;
            for (Index i = begin; i < end; ++i) {
                low = std::min(low, Z_[ranks_[i] * d_ + k]);
                high = std::max(high, Z_[ranks_[i] * d_ + k]);
            }
            boxes_[box + static_cast<std::size_t>(2 * k)] = low;
            boxes_[box + static_cast<std::size_t>(2 * k + 1)] = high;
            if (high - low > width) {
                width = high - low;
                widest = k;
            }
        }
        Index* const r = ranks_.data();
        if (end - begin <= leaf) {
            std::sort(r + begin, r + end);
            nodes_[static_cast<std::size_t>(self)].lowest = r[begin];
            return self;
        }
        const Index middle = begin + (end - begin) / 2;
        std::nth_element(r + begin, r + middle, r + end, [&](Index a, Index b) {
            const double x = Z_[a * d_ + widest], y = Z_[b * d_ + widest];
            return x < y || (x == y && a < b);
        });
        const Index left = grow(begin, middle), right = grow(middle, end);
        Node& node = nodes_[static_cast<std::size_t>(self)];
        node.left = left;
        node.right = right;
        node.lowest = std::min(nodes_[static_cast<std::size_t>(left)].lowest,
                               nodes_[static_cast<std::size_t>(right)].lowest);
        return self;
    }

    // The squared distance of q from a node's box.
    double gap(Index node, const double* q) const {
        const double* box = boxes_.data() + 2 * d_ * node;
        double sum = 0.0;
        for (Index k = 0; k < d_; ++k) {
            const double out = std::max({box[2 * k] - q[k], q[k] - box[2 * k + 1], 0.0});
            sum += out * out;
        }
        return sum;
    }

    // Points on this side only (rho of the sign at hand): the other call sees the rest.
    void visit(Index at, const double* q, Index rank, bool positive, double distance,
               Nearest& best) const {
        const Node& node = nodes_[static_cast<std::size_t>(at)];
        // the other sign's walk sees what lies beyond a right angle; slack for rounding at it
        if (node.lowest >= rank || distance > 2.0 + 1e-9 || distance > best.limit())
            return;
        if (node.left < 0) {
            for (Index i = node.begin; i < node.end && ranks_[i] < rank; ++i) {
                const double* z = Z_.data() + ranks_[i] * d_;
                double sum = 0.0, rho = 0.0;
                for (Index k = 0; k < d_; ++k) {
                    const double gap = z[k] - q[k];
                    sum += gap * gap;
                    rho += z[k] * q[k];
                }
                if (rho > 0.0 || (rho == 0.0 && positive))
                    best.see({sum, ranks_[i]});
            }
            return;
        }
        const double left = gap(node.left, q), right = gap(node.right, q);
        if (left <= right) {
            visit(node.left, q, rank, positive, left, best);
            visit(node.right, q, rank, positive, right, best);
        } else {
            visit(node.right, q, rank, positive, right, best);
            visit(node.left, q, rank, positive, left, best);
        }
    }

    Buffer<double> Z_;
    Index d_;
    Buffer<Index> ranks_;
    std::vector<Node> nodes_;
    std::vector<double> boxes_; // (nodes, d, 2): lowest and highest
};

// Tiles of cosines: a panel of points against all that come before it.
class TiledSearch final : public Search {
public:
    TiledSearch(Buffer<double> Z, Index d) : Z_(std::move(Z)), d_(d) {}
    Index bytes() const override { return Z_.bytes() + panel * panel * 8; }
    void find(Index from, Index to, Index m,
              std::vector<std::vector<Index>>& lists) const override {
        using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
        const Index rows = to - from;
        const Eigen::Map<const Rows> A(Z_.data() + from * d_, rows, d_);
        std::vector<Nearest> best(static_cast<std::size_t>(rows), Nearest(m));
        Rows C;
        for (Index start = 0; start < to; start += panel) {
            const Index columns = std::min(panel, to - start);
            C.noalias() =
                A * Eigen::Map<const Rows>(Z_.data() + start * d_, columns, d_).transpose();
            for (Index r = 0; r < rows; ++r) {
                Nearest& mine = best[static_cast<std::size_t>(r)];
                double limit = mine.limit();
                for (Index c = 0; c < std::min(columns, from + r - start); ++c) {
                    const double distance = 2.0 - 2.0 * std::fabs(C(r, c));
                    if (distance > limit)
                        continue;
                    mine.see({distance, start + c});
                    limit = mine.limit();
                }
            }
        }
        for (Index r = 0; r < rows; ++r)
            best[static_cast<std::size_t>(r)].take(lists[static_cast<std::size_t>(r)]);
    }

private:
    Buffer<double> Z_;
    Index d_;
};

inline constexpr Index tree_up_to = 8; // dimensions: beyond, boxes keep little out

// order (n): the point of each rank.
inline std::unique_ptr<Search> make_search(const Points& points, const Index* order, int threads,
                                           Monitor& monitor) {
    const Index n = points.n(), d = points.d();
    Buffer<double> Z(n * d);
    parallel_for((n + Search::panel - 1) / Search::panel, threads, monitor, [&](Index p) {
        for (Index i = p * Search::panel; i < std::min(n, (p + 1) * Search::panel); ++i)
            std::copy_n(points.unit() + order[i] * d, d, Z.data() + i * d);
    });
    if (d <= tree_up_to)
        return std::make_unique<TreeSearch>(std::move(Z), n, d);
    return std::make_unique<TiledSearch>(std::move(Z), d);
}

} // namespace mehler
