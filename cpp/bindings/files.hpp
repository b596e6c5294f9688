// How digests come from Python.
#pragma once
#include <array>

#include "bindings/arrays.hpp"

namespace mehler {

inline std::array<unsigned char, 32> digest(const std::string& bytes) {
    std::array<unsigned char, 32> out;
    if (bytes.size() != out.size())
        throw py::value_error("a digest must have 32 bytes");
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

} // namespace mehler
