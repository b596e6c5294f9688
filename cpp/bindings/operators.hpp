// What Python holds of an operator: the operator, and the arrays that it must not outlive.
#pragma once
#include "bindings/arrays.hpp"
#include "core/operator.hpp"

namespace mehler {

struct Held {
    std::shared_ptr<const Operator> op;
    py::object keep;
};

} // namespace mehler
