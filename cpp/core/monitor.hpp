// The way out of long work. Workers read one flag; the thread that made the monitor alone asks the
// outside world, at most ten times a second, and sets the flag when the answer is "stop".
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "core/types.hpp"

namespace mehler {

struct Progress {
    const char* phase = "";
    Index done = 0, total = 0;
    double value = 0.0, residual = 0.0; // best Ritz value and its residual, when there is one
};

class Monitor {
public:
    using Ask = std::function<bool(const Progress&)>; // true: stop
    Monitor() = default;
    explicit Monitor(Ask ask) : ask_(std::move(ask)) {}

    // Called between pieces of work, by any thread.
    void tick() {
        if (!ask_ || stopped() || std::this_thread::get_id() != owner_)
            return;
        const auto now = Clock::now();
        if (now - last_ < std::chrono::milliseconds(100))
            return;
        last_ = now;
        progress.done = done.load(std::memory_order_relaxed);
        if (ask_(progress))
            stop_.store(true, std::memory_order_relaxed);
    }
    bool stopped() const { return stop_.load(std::memory_order_relaxed); }
    // Ctrl-C was answered by a user's own code that the work called.
    [[noreturn]] void interrupt() {
        interrupted_ = true;
        stop_.store(true, std::memory_order_relaxed);
        throw Interrupted();
    }
    bool interrupted() const { return interrupted_; }
    void check() {
        tick();
        if (stopped())
            throw Interrupted();
    }

    void phase(const char* name, Index total) {
        progress.phase = name;
        progress.total = total;
        done.store(0, std::memory_order_relaxed);
    }

    Progress progress;          // written by the owner alone
    std::atomic<Index> done{0}; // pieces of the phase that are done

private:
    using Clock = std::chrono::steady_clock;
    Ask ask_;
    const std::thread::id owner_ = std::this_thread::get_id();
    Clock::time_point last_ = Clock::now();
    std::atomic<bool> stop_{false};
    bool interrupted_ = false;
};

} // namespace mehler
