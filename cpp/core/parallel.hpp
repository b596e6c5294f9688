// The one place that knows threads. Work is cut by its size, never by their number, and each piece
// writes its own output: one thread and many agree bit for bit.
#pragma once
#include <omp.h>
#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "core/monitor.hpp"

namespace mehler {

inline int default_threads() {
    return omp_get_max_threads();
}

// Which of its loop's threads this is, from 0.
inline int this_thread() {
    return omp_get_thread_num();
}

// A pool of threads does not survive a fork: the child works alone instead of waiting for ever.
inline bool forked() {
#if defined(_WIN32)
    return false; // there is no fork
#else
    static const pid_t parent = getpid();
    return getpid() != parent;
#endif
}

// Ends the threads that wait for the next loop of this thread, which makes new ones. They spin for
// some milliseconds before they sleep: the best there is between two loops of one process, and in
// the way of other processes on the same processors, for whose answer this one waits.
inline void release_threads() {
    if (!forked()) // they did not come along
        omp_pause_resource_all(omp_pause_soft);
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
    std::atomic<int> finished{0};
#pragma omp parallel num_threads(threads)
    {
        try {
            for (Index i; (i = next.fetch_add(1)) < count;) {
                if (monitor.stopped() || failed.load(std::memory_order_relaxed))
                    break;
                work(i);
                monitor.tick();
            }
        } catch (...) {
            if (!failed.exchange(true))
                failure = std::current_exception();
        }
        finished.fetch_add(1);
        if (omp_get_thread_num() == 0) // goes on asking while the others end their last pieces
            for (int waited = 0; finished.load() < omp_get_num_threads(); ++waited) {
                if (waited < 10000) // some microseconds: mostly they are done by then
                    continue;
                monitor.tick();
                if (waited < 20000) // a millisecond or so; a sleep would outlast what is left
                    std::this_thread::yield();
                else
                    std::this_thread::sleep_for(std::chrono::microseconds(50));
            }
    }
    if (failure)
        std::rethrow_exception(failure);
    if (monitor.stopped())
        throw Interrupted();
}

// Gates between the pieces of a pipeline: a piece passes the gates that earlier pieces open.
class Gates {
public:
    Gates(Index count, Monitor& monitor)
        : monitor_(monitor), open_(static_cast<std::size_t>(count)) {}

    void open(Index g) { open_[static_cast<std::size_t>(g)].store(1, std::memory_order_release); }

    // Waits until gate g is open. Leaves the piece by an exception once the work has ended.
    void pass(Index g) {
        const auto& gate = open_[static_cast<std::size_t>(g)];
        poll();
        for (int waited = 0; !gate.load(std::memory_order_acquire); ++waited) {
            poll();
            if (waited < 20000) // some dozens of microseconds, less than a sleep takes to end
                continue;
            if (waited < 40000) // no processor for everyone: let the others have this one
                std::this_thread::yield();
            else
                std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
    }
    // Ends the work, for everyone: what is asked for does not exist.
    [[noreturn]] void cancel() {
        cancelled_.store(true, std::memory_order_relaxed);
        throw Ended();
    }
    bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

private:
    struct Ended {};
    template <class Work>
    friend bool parallel_pipeline(Index, Index, int, Monitor&, const Work&);

    void poll() {
        if (omp_get_thread_num() == 0)
            monitor_.tick();
        if (monitor_.stopped() || cancelled() || failed_.load(std::memory_order_relaxed))
            throw Ended();
    }

    Monitor& monitor_;
    std::vector<std::atomic<char>> open_;
    std::atomic<bool> cancelled_{false}, failed_{false};
};

// work(i, gates) for i in [0, count), begun in this order by whoever is free. A piece passes only
// gates that pieces before it open, so some piece can always go on. False: a piece cancelled the
// work. Throws Interrupted once the monitor stops.
template <class Work>
bool parallel_pipeline(Index count, Index gates, int threads, Monitor& monitor, const Work& work) {
    Gates doors(gates, monitor);
    std::atomic<Index> next{0};
    std::exception_ptr failure;
    const auto worker = [&] {
        try {
            for (Index i; (i = next.fetch_add(1)) < count;)
                work(i, doors);
        } catch (const Gates::Ended&) {
        } catch (...) {
            if (!doors.failed_.exchange(true))
                failure = std::current_exception();
        }
    };
    if (forked())
        threads = 1;
    if (threads > count)
        threads = static_cast<int>(count);
    if (threads <= 1) {
        worker();
    } else {
#pragma omp parallel num_threads(threads)
        worker();
    }
    if (failure)
        std::rethrow_exception(failure);
    if (monitor.stopped())
        throw Interrupted();
    return !doors.cancelled();
}

} // namespace mehler
