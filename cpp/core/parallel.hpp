// The one place that knows threads. Work is cut by its size, never by their number, and each piece
// writes its own output: one thread and many agree bit for bit.
#pragma once
#include <omp.h>
#include <unistd.h>

#include <atomic>
#include <exception>

#include "core/monitor.hpp"

namespace mehler {

inline int default_threads() {
    return omp_get_max_threads();
}

// A pool of threads does not survive a fork: the child works alone instead of waiting for ever.
inline bool forked() {
    static const pid_t parent = getpid();
    return getpid() != parent;
}

// work(i) for i in [0, count), handed out one by one. Throws Interrupted once the monitor stops.
template <class Work>
void parallel_for(Index count, int threads, Monitor& monitor, const Work& work) {
    if (forked())
        threads = 1;
    if (threads > count)
        threads = static_cast<int>(count);
    if (threads <= 1) {
        for (Index i = 0; i < count; ++i) {
            work(i);
            monitor.check();
        }
        return;
    }
    std::atomic<Index> next{0};
    std::exception_ptr failure;
    std::atomic<bool> failed{false};
#pragma omp parallel num_threads(threads)
    {
        const bool caller = omp_get_thread_num() == 0;
        try {
            for (Index i; (i = next.fetch_add(1)) < count;) {
                if (monitor.stopped() || failed.load(std::memory_order_relaxed))
                    break;
                work(i);
                if (caller)
                    monitor.tick();
            }
        } catch (...) {
            if (!failed.exchange(true))
                failure = std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
    if (monitor.stopped())
        throw Interrupted();
}

} // namespace mehler
