// All eigenvalues of K in double-double: Householder's reduction to a tridiagonal matrix, then the
// implicit QL iteration with Wilkinson's shift. Backward stable: each lies within a modest multiple
// of u^2 |K| of a true one, and small ones are known no better than that.
//
// The full square is kept, row by row: (n, n) and twice.
#pragma once
#include "extended/matrix.hpp"

namespace mehler {

class DDSpectrum {
public:
    DDSpectrum(const DDMatrix& K, int threads, Monitor& monitor)
        : n_(K.size()), width_(round_up(n_, lanes)), hi_(n_ * width_), lo_(n_ * width_),
          threads_(threads), monitor_(monitor) {
        monitor.phase("spectrum", n_);
        for (Index i = 0; i < n_; ++i)
            for (Index j = 0; j < width_; ++j)
                set(i, j, j < n_ ? K.entry(i, j) : DD{0.0, 0.0});
        reduce();
        iterate();
        std::sort(diagonal.begin(), diagonal.end(),
                  [](DD a, DD b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); });
    }

    static Index bytes_for(Index n) { return 16 * n * round_up(n, lanes); }

    std::vector<DD> diagonal; // the eigenvalues, ascending

private:
    static constexpr Index lanes = Simd<double>::lanes, chunk = 64;

    DD get(Index i, Index j) const { return {hi_[i * width_ + j], lo_[i * width_ + j]}; }
    void set(Index i, Index j, DD x) {
        hi_[i * width_ + j] = x.hi;
        lo_[i * width_ + j] = x.lo;
    }

    // Row k loses what stands right of k + 1:  A -= v w^t + w v^t,  v the Householder vector.
    void reduce() {
        const std::size_t n = static_cast<std::size_t>(n_);
        diagonal.resize(n);
        off_.assign(n, DD{0.0, 0.0});
        Buffer<double> v(2 * width_), w(2 * width_);
        for (Index k = 0; k + 2 < n_; ++k) {
            std::fill_n(v.data(), 2 * width_, 0.0);
            std::fill_n(w.data(), 2 * width_, 0.0);
            DD tail{0.0, 0.0};
            for (Index j = k + 2; j < n_; ++j)
                tail = tail + get(k, j) * get(k, j);
            const DD head = get(k, k + 1);
            if (tail.hi <= 0.0) {
                off_[static_cast<std::size_t>(k)] = head;
                continue;
            }
            const DD size = root(tail + head * head);
            const DD to = head.hi > 0.0 ? -size : size; // what the row becomes
            off_[static_cast<std::size_t>(k)] = to;
            const DD first = head - to;
            const DD factor = dd(2.0) / (tail + first * first); // 2 / |v|^2
            for (Index j = k + 1; j < n_; ++j) {
                const DD x = j == k + 1 ? first : get(k, j);
                v[j] = x.hi;
                v[width_ + j] = x.lo;
            }
            const Index from = (k + 1) / lanes * lanes, left = n_ - (k + 1);
            const Index pieces = (left + chunk - 1) / chunk;
            parallel_for(pieces, threads_, monitor_, [&](Index piece) {
                const Index begin = k + 1 + piece * chunk;
                for (Index i = begin; i < std::min(n_, begin + chunk); ++i) {
                    const Index count = (width_ - from) / lanes;
                    const auto s = sum_of_products<Vec<double>>(count, [&](Index t, auto& sum) {
                        const Index j = from + t * lanes;
                        sum.add(load(row(hi_, i) + j, row(lo_, i) + j),
                                load(v.data() + j, v.data() + width_ + j));
                    });
                    const DD total = across_lanes(s) * factor;
                    w[i] = total.hi;
                    w[width_ + i] = total.lo;
                }
            });
            DD inner{0.0, 0.0};
            for (Index j = k + 1; j < n_; ++j)
                inner = inner + DD{v[j], v[width_ + j]} * DD{w[j], w[width_ + j]};
            const DD half = dd(0.5) * factor * inner;
            for (Index j = k + 1; j < n_; ++j) {
                const DD x = DD{w[j], w[width_ + j]} - half * DD{v[j], v[width_ + j]};
                w[j] = x.hi;
                w[width_ + j] = x.lo;
            }
            parallel_for(pieces, threads_, monitor_, [&](Index piece) {
                const Index begin = k + 1 + piece * chunk;
                for (Index i = begin; i < std::min(n_, begin + chunk); ++i) {
                    const DDVec vi = splat(DD{-v[i], -v[width_ + i]});
                    const DDVec wi = splat(DD{-w[i], -w[width_ + i]});
                    for (Index j = from; j < width_; j += lanes) {
                        double *h = hi_.data() + i * width_ + j, *l = lo_.data() + i * width_ + j;
                        const DDVec vj = load(v.data() + j, v.data() + width_ + j);
                        const DDVec wj = load(w.data() + j, w.data() + width_ + j);
                        store(h, l, load(h, l) + (vi * wj + wi * vj));
                    }
                }
            });
            monitor_.done.fetch_add(1, std::memory_order_relaxed);
        }
        for (Index i = 0; i < n_; ++i)
            diagonal[static_cast<std::size_t>(i)] = get(i, i);
        if (n_ >= 2)
            off_[n - 2] = get(n_ - 2, n_ - 1);
    }
    const double* row(const Buffer<double>& b, Index i) const { return b.data() + i * width_; }

    void iterate() {
        std::vector<DD>& d = diagonal;
        std::vector<DD>& e = off_;
        const Index n = n_;
        const auto D = [&](Index i) -> DD& { return d[static_cast<std::size_t>(i)]; };
        const auto E = [&](Index i) -> DD& { return e[static_cast<std::size_t>(i)]; };
        for (Index l = 0; l < n; ++l)
            for (int sweep = 0;; ++sweep) {
                monitor_.check();
                Index m = l;
                for (; m + 1 < n; ++m) {
                    const double size = std::fabs(D(m).hi) + std::fabs(D(m + 1).hi);
                    if (std::fabs(E(m).hi) <= 0x1p-107 * size)
                        break;
                }
                if (m == l)
                    break;
                if (sweep == 200)
                    throw std::runtime_error("the QL iteration did not converge");
                DD g = (D(l + 1) - D(l)) / (dd(2.0) * E(l));
                DD r = root(g * g + dd(1.0));
                g = D(m) - D(l) + E(l) / (g + (g.hi >= 0.0 ? r : -r));
                DD s = dd(1.0), c = dd(1.0), p{0.0, 0.0};
                Index i = m - 1;
                for (; i >= l; --i) {
                    DD f = s * E(i);
                    const DD b = c * E(i);
                    const DD square = f * f + g * g;
                    if (square.hi == 0.0) { // split in two by chance
                        E(i + 1) = DD{0.0, 0.0};
                        D(i + 1) = D(i + 1) - p;
                        E(m) = DD{0.0, 0.0};
                        break;
                    }
                    r = root(square);
                    E(i + 1) = r;
                    s = f / r;
                    c = g / r;
                    g = D(i + 1) - p;
                    r = (D(i) - g) * s + dd(2.0) * c * b;
                    p = s * r;
                    D(i + 1) = g + p;
                    g = c * r - b;
                }
                if (i >= l)
                    continue;
                D(l) = D(l) - p;
                E(l) = g;
                E(m) = DD{0.0, 0.0};
            }
    }

    Index n_, width_;
    Buffer<double> hi_, lo_;
    std::vector<DD> off_;
    int threads_;
    Monitor& monitor_;
};

} // namespace mehler
