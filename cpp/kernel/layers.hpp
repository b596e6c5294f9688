// Kernels of wide layers between points of unequal norm, layer by layer.
//
//   L_l = weight S_{l-1} + bias,   S_l = sigma sigma' C_phi,   D_l = delta delta' C_phi',
//   nngp S_L,   gradient L_L D_L,   ntk T_L D_L + S_L,   T_1 = L_1,  T_{l+1} = weight T_l D_l +
//   L_{l+1}
//
// with sigma^2 = S_l(x, x), delta^2 = D_l(x, x), q = L_l(x, x) of each point. Correlations
// c = L_l / sqrt(q q') go from layer to layer as (1 - c, 1 + c), by sums of terms of one sign.
#pragma once
#include <memory>

#include "core/parallel.hpp"
#include "kernel/norm_dual.hpp"

namespace mehler {

struct LayerStack {
    enum class Kind { nngp, gradient, ntk };
    struct Layer {
        std::shared_ptr<const NormDual> phi, dphi; // null where the kernel needs none
    };
    Kind kind;
    double weight, bias;
    std::vector<Layer> layers;
};

// What the stack wants to know of n points.
class PointLayers {
public:
    struct Layer {
        std::vector<double> deviation, sigma, delta; // sqrt(q), sigma, delta: (n) each
        std::vector<double> phi, dphi;               // rows of the duals
    };

    PointLayers(std::shared_ptr<const LayerStack> stack, std::vector<Layer> layers,
                std::vector<double> diagonal)
        : stack_(std::move(stack)), layers_(std::move(layers)), diagonal_(std::move(diagonal)) {}

    const LayerStack& stack() const { return *stack_; }
    Index n() const { return static_cast<Index>(diagonal_.size()); }
    double diagonal(Index i) const { return diagonal_[static_cast<std::size_t>(i)]; }
    Index bytes() const {
        std::size_t count = diagonal_.size();
        for (const Layer& one : layers_)
            count += one.deviation.size() + one.sigma.size() + one.delta.size() + one.phi.size() +
                     one.dphi.size();
        return static_cast<Index>(count * sizeof(double));
    }

    struct Space {
        static constexpr Index count = 8 + NormDual::arrays;
        Buffer<double> memory{count * NormDual::entries};
        double* array(Index k) { return memory.data() + k * NormDual::entries; }
    };

    // Arrays (minus, plus) of the cosines of a block: arrays 0 and 1 of the space. Entries of K,
    // the same block, are where the return value points.
    static double* entries(const PointLayers& P, Index i, Index rows, const PointLayers& Q, Index j,
                           Index columns, Space& space) {
        const LayerStack& stack = P.stack();
        double *minus = space.array(0), *plus = space.array(1), *out = space.array(4);
        double *then_minus = space.array(2), *then_plus = space.array(3), *T = space.array(5);
        double *d_minus = space.array(6), *d_plus = space.array(7), *spare = space.array(8);
        const bool ntk = stack.kind == LayerStack::Kind::ntk;
        // x_i y_j of what points have, for every pair
        const auto each = [&](const auto& work) {
            for (Index r = 0, e = 0; r < rows; ++r)
                for (Index c = 0; c < columns; ++c, ++e)
                    work(static_cast<std::size_t>(i + r), static_cast<std::size_t>(j + c), e);
        };
        for (std::size_t l = 0; l < stack.layers.size(); ++l) {
            const LayerStack::Layer& dual = stack.layers[l];
            const Layer &one = P.layers_[l], &two = Q.layers_[l];
            const bool last = l + 1 == stack.layers.size();
            if (l > 0 && stack.bias > 0.0)
                mix(stack, P.layers_[l - 1], Q.layers_[l - 1], one, two, minus, plus, each);
            if (ntk) {
                each([&](std::size_t a, std::size_t b, Index e) {
                    const double L = one.deviation[a] * two.deviation[b] * value(minus, plus, e);
                    T[e] = l == 0 ? L : stack.weight * T[e] * out[e] + L;
                });
            }
            if (dual.dphi) {
                const auto side = [&](const Layer& layer, Index at, Index n) {
                    return Side{layer.dphi.data() + at * dual.dphi->columns(), n};
                };
                dual.dphi->evaluate(side(one, i, rows), side(two, j, columns), minus, plus, d_minus,
                                    d_plus, spare);
                each([&](std::size_t a, std::size_t b, Index e) { // D
                    out[e] = one.delta[a] * two.delta[b] * value(d_minus, d_plus, e);
                });
            }
            if (last && stack.kind == LayerStack::Kind::gradient) {
                each([&](std::size_t a, std::size_t b, Index e) {
                    out[e] *= one.deviation[a] * two.deviation[b] * value(minus, plus, e);
                });
                return out;
            }
            const auto side = [&](const Layer& layer, Index at, Index n) {
                return Side{layer.phi.data() + at * dual.phi->columns(), n};
            };
            dual.phi->evaluate(side(one, i, rows), side(two, j, columns), minus, plus, then_minus,
                               then_plus, spare);
            std::swap(minus, then_minus);
            std::swap(plus, then_plus);
            if (last)
                each([&](std::size_t a, std::size_t b, Index e) {
                    const double S = one.sigma[a] * two.sigma[b] * value(minus, plus, e);
                    out[e] = ntk ? T[e] * out[e] + S : S;
                });
        }
        return out;
    }

private:
    static double value(const double* minus, const double* plus, Index e) {
        return minus[e] <= plus[e] ? 1.0 - minus[e] : plus[e] - 1.0;
    }

    // From C of the layer before to c of this one. With z = weight sigma sigma', R = sqrt(q q'):
    //   R (1 - c) = weight bias (sigma - sigma')^2 / (R + bias + z) + z (1 - C)
    //   R (1 + c) = (R + bias - z) + z (1 + C)
    template <class Each>
    static void mix(const LayerStack& stack, const Layer& p, const Layer& q, const Layer& one,
                    const Layer& two, double* minus, double* plus, const Each& each) {
        each([&](std::size_t a, std::size_t b, Index e) {
            const double z = stack.weight * p.sigma[a] * q.sigma[b];
            const double R = one.deviation[a] * two.deviation[b], gap = p.sigma[a] - q.sigma[b];
            const double apart = stack.weight * stack.bias * gap * gap / (R + stack.bias + z);
            minus[e] = (apart + z * minus[e]) / R;
            plus[e] = (R + stack.bias - z + z * plus[e]) / R;
        });
    }

    std::shared_ptr<const LayerStack> stack_;
    std::vector<Layer> layers_;
    std::vector<double> diagonal_;
};

} // namespace mehler
