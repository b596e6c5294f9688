// What this machine can do: GEMM rate and memory stream, the limits that benchmarks print.
#include <Eigen/Core>

#include "bindings/arrays.hpp"
#include "bindings/nouns.hpp"
#include "core/parallel.hpp"
#include "core/simd.hpp"

namespace mehler {

namespace {

// Seconds of C = A B^t, A (m, k), B (n, k), in column panels of 256, the shape of a fill.
template <class T>
double gemm_seconds(Index m, Index n, Index k, int threads) {
    using Rows = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Rows A = Rows::Random(m, k), B = Rows::Random(n, k);
    Rows C(m, n);
    constexpr Index edge = 256;
    Monitor monitor;
    const Index across = (n + edge - 1) / edge, down = (m + edge - 1) / edge;
    const auto work = [&](Index t) {
        const Index i = t / across * edge, j = t % across * edge;
        const Index rows = std::min(edge, m - i), columns = std::min(edge, n - j);
        C.block(i, j, rows, columns).noalias() =
            A.middleRows(i, rows) * B.middleRows(j, columns).transpose();
    };
    parallel_for(down * across, threads, monitor, work);
    const auto start = std::chrono::steady_clock::now();
    parallel_for(down * across, threads, monitor, work);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// GB/s of reading an array once.
double stream_rate(Index bytes, int threads) {
    const Index count = bytes / 8 / 4096 * 4096, pieces = std::max<Index>(1, count / (1 << 16));
    Buffer<double> data(count);
    std::vector<double> sums(static_cast<std::size_t>(pieces));
    Monitor monitor;
    parallel_for(pieces, threads, monitor, [&](Index p) {
        std::fill(data.data() + count * p / pieces, data.data() + count * (p + 1) / pieces, 1.0);
    });
    const auto start = std::chrono::steady_clock::now();
    parallel_for(pieces, threads, monitor, [&](Index p) {
        using V = Vec<double>;
        constexpr int lanes = Simd<double>::lanes;
        V s[8] = {};
        Index i = count * p / pieces;
        for (const Index end = count * (p + 1) / pieces; i + 8 * lanes <= end; i += 8 * lanes)
            for (int l = 0; l < 8; ++l)
                s[l] += load(data.data() + i + l * lanes);
        double total = 0.0;
        for (int l = 0; l < 8; ++l)
            total += sum<double>(s[l]);
        sums[static_cast<std::size_t>(p)] = total;
    });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    volatile double sink = 0.0;
    for (double s : sums)
        sink = sink + s;
    return static_cast<double>(count) * 8e-9 / seconds;
}

} // namespace

void bind_rates(py::module_& m) {
    m.def(
        "bench_gemm",
        [](Index rows_, Index columns, Index inner, const std::string& dtype, int threads) {
            py::gil_scoped_release release;
            return dtype == "float32" ? gemm_seconds<float>(rows_, columns, inner, threads)
                                      : gemm_seconds<double>(rows_, columns, inner, threads);
        },
        py::arg("m"), py::arg("n"), py::arg("k"), py::arg("dtype"), py::arg("threads"));
    m.def(
        "bench_stream",
        [](Index bytes, int threads) {
            py::gil_scoped_release release;
            return stream_rate(bytes, threads);
        },
        py::arg("bytes"), py::arg("threads"));
}

} // namespace mehler
