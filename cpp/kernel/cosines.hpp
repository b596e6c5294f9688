// Cosines of a point with a stretch of others, in few dimensions: plain sums over k.
//
// A GEMM spends its time on packing there. The points of the stretch are turned once, (d, stretch),
// and the sums run along it. Every entry is summed in the order of k, so cos_ij = cos_ji to the
// bit.
#pragma once
#include <algorithm>

#include "core/simd.hpp"
#include "core/types.hpp"

namespace mehler {

class Cosines {
public:
    static constexpr Index few = 8, stretch = 256; // (d = 16: 1.4 times the GEMM)

    // Points B (count, d) row-major, count <= stretch, d <= few.
    void turn(const double* B, Index count, Index d) {
        d_ = d;
        padded_ = round_up(count, block);
        for (Index k = 0; k < d; ++k) {
            for (Index j = 0; j < count; ++j)
                turned_[k * stretch + j] = B[j * d + k];
            std::fill(turned_ + k * stretch + count, turned_ + k * stretch + padded_, 0.0);
        }
    }

    // rho_j = sum_k a_k B_jk; rho holds `stretch` doubles.
    void with(const double* a, double* rho) const {
        using V = Vec<double>;
        for (Index j = 0; j < padded_; j += block) {
            V sum[vectors] = {};
            for (Index k = 0; k < d_; ++k) {
                const V ak = splat(a[k]);
                for (int v = 0; v < vectors; ++v)
                    sum[v] += ak * load(turned_ + k * stretch + j + v * lanes);
            }
            for (int v = 0; v < vectors; ++v)
                store(rho + j + v * lanes, sum[v]);
        }
    }

private:
    static constexpr int lanes = Simd<double>::lanes, vectors = 8;
    static constexpr Index block = vectors * lanes;
    static_assert(stretch % block == 0);

    Index d_ = 0, padded_ = 0;
    double turned_[few * stretch]; // (d, stretch)
};

} // namespace mehler
