// Sizes are signed 64-bit everywhere: n^2 exceeds 2^31 from n = 46,341 on.
#pragma once
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace mehler {

using Index = std::int64_t;

// Work was ended by the monitor: Ctrl-C, a callback that said stop, or a time limit.
struct Interrupted : std::runtime_error {
    Interrupted() : std::runtime_error("interrupted") {}
};

inline Index round_up(Index a, Index b) {
    return (a + b - 1) / b * b;
}

// Uninitialised storage, aligned for any vector register. Large ones ask for huge pages: a fill
// then spends no time in page faults, and a product none in address translation.
template <class T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(Index count) : size_(count) {
        const std::size_t wanted = sizeof(T) * static_cast<std::size_t>(count);
        data_ = static_cast<T*>(::operator new(wanted, alignment(count)));
#if defined(MADV_HUGEPAGE)
        if (alignment(count) == std::align_val_t{huge})
            madvise(data_, wanted, MADV_HUGEPAGE); // a wish: its failure costs speed only
#endif
    }
    Buffer(Buffer&& other) noexcept : size_(other.size_), data_(other.data_) {
        other.size_ = 0;
        other.data_ = nullptr;
    }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(size_, other.size_);
        std::swap(data_, other.data_);
        return *this;
    }
    ~Buffer() { ::operator delete(data_, alignment(size_)); }

    T* data() { return data_; }
    const T* data() const { return data_; }
    T& operator[](Index i) { return data_[i]; }
    const T& operator[](Index i) const { return data_[i]; }
    Index size() const { return size_; }
    Index bytes() const { return size_ * static_cast<Index>(sizeof(T)); }

private:
    static constexpr std::size_t huge = std::size_t{1} << 21;
    static std::align_val_t alignment(Index count) {
        const bool large = static_cast<std::size_t>(count) >= 2 * huge / sizeof(T);
        return std::align_val_t{large ? huge : 64};
    }
    Index size_ = 0;
    T* data_ = nullptr;
};

} // namespace mehler
