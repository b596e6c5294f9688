// Quantisation over time with a diffused error, first-order sigma-delta modulation: of every neuron
//
//   v <- v + dt f,   k = floor(v),   v <- v - k,   output k / dt,       0 <= v < 1,
//
// so that sum_t (output - f) = (v_first - v_last) / dt: the error of a sum does not grow with time.
// f and the output are (steps, neurons), row-major; v (neurons) goes on in place.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"

namespace mehler {

// One step of some neurons. Whole parts of c = dt f go straight to the output and only {c} is
// added to v: what rounds is of size one, however large f is. {c} and v + {c} may round up to
// 1 and 2 (c = -1e-20); the second floor takes care of that.
template <class T>
inline void quantise_step(const T* f, T* out, T* v, T dt, Index count) {
    for (Index i = 0; i < count; ++i) {
        const T c = dt * f[i], whole = std::floor(c);
        const T sum = v[i] + (c - whole), over = std::floor(sum);
        v[i] = sum - over;
        out[i] = (whole + over) / dt;
    }
}

// A piece is some neurons for all steps: an eighth of them, in rows of whole pages where there are
// many (rows of a few cache lines reach a third of the rate of memory). Neurons do not know of each
// other: any cut gives the same bits.
template <class T>
void quantise(const T* f, T* out, T* v, T dt, Index steps, Index neurons, int threads,
              Monitor& monitor) {
    constexpr Index line = 64, most = 4096, patience = 1 << 22; // entries
    const Index wide = round_up(std::clamp<Index>(neurons / 8, line, most), line);
    const Index block = std::min(wide, std::max<Index>(neurons, 1));
    const Index ask_every = std::max<Index>(patience / block, 1);
    monitor.phase("quantise", (neurons + block - 1) / block);
    parallel_for((neurons + block - 1) / block, threads, monitor, [&](Index b) {
        const Index first = b * block, count = std::min(block, neurons - first);
        for (Index t = 0; t < steps; ++t) {
            quantise_step(f + t * neurons + first, out + t * neurons + first, v + first, dt, count);
            if ((t + 1) % ask_every == 0) {
                monitor.tick();
                if (monitor.stopped())
                    throw Interrupted();
            }
        }
        monitor.done.fetch_add(1, std::memory_order_relaxed);
    });
}

} // namespace mehler
