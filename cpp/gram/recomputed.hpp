// The kernel matrix in float64 without storing it: every product computes its tiles again.
#pragma once
#include "gram/packed.hpp"

namespace mehler {

class RecomputedGram final : public Operator {
public:
    RecomputedGram(std::shared_ptr<const Points> points, std::shared_ptr<const Profile> profile)
        : points_(std::move(points)), profile_(std::move(profile)), tiling_(points_->n()) {}

    Index size() const override { return tiling_.n; }
    Index bytes() const override { return 2 * area * 8 * default_threads(); }

    void apply(const double* V, double* Y, Index b, int threads, Monitor& monitor) const override {
        symmetric_product<double>(tiling_, V, Y, b, threads, monitor, [&](Index, Index I, Index J) {
            // a thread is done with one tile before it asks for the next
            thread_local Buffer<double> mine(2 * area);
            fill_lower(*points_, *profile_, tiling_, I, J, mine.data(), mine.data() + area, nullptr,
                       Scale<double>(1.0));
            return static_cast<const double*>(mine.data() + area);
        });
    }

private:
    static constexpr Index area = Tiling::edge * Tiling::edge;

    std::shared_ptr<const Points> points_;
    std::shared_ptr<const Profile> profile_;
    Tiling tiling_;
};

} // namespace mehler
