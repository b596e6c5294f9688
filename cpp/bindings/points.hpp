// What Python holds of points, and how it sees the pairs that a fill met.
#pragma once
#include "bindings/arrays.hpp"
#include "kernel/tile.hpp"

namespace mehler {

struct HeldPoints {
    std::shared_ptr<const Points> points;
    py::array keep;
};

inline py::object pair(const Pair& p) {
    if (p.i < 0)
        return py::none();
    return py::make_tuple(p.i, p.j, p.deficit);
}

inline py::dict describe(const Pairs& pairs) {
    py::dict d;
    d["nearest"] = pair(pairs.nearest);
    d["antipodal"] = pair(pairs.antipodal);
    d["equal_count"] = pairs.equal_count;
    d["opposite_count"] = pairs.opposite_count;
    py::list equal, opposite;
    for (const Pair& p : pairs.equal)
        equal.append(py::make_tuple(p.i, p.j));
    for (const Pair& p : pairs.opposite)
        opposite.append(py::make_tuple(p.i, p.j));
    d["equal"] = equal;
    d["opposite"] = opposite;
    return d;
}

} // namespace mehler
