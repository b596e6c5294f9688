// Columns of a factor that have been written wait for the disk in a thread of their own, while the
// next ones are made: then they are recorded as done.
#pragma once
#include <thread>

#include "core/monitor.hpp"
#include "disk/factor_file.hpp"

namespace mehler {

class Commit {
public:
    explicit Commit(FactorFile& file) : file_(file) {}
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
    ~Commit() {
        stop_.store(true);
        if (thread_.joinable())
            thread_.join();
    }

    // Columns [first, first + sums.size()), the next to be recorded, with their checksums.
    void begin(Index first, std::vector<std::uint64_t> sums, Monitor& monitor) {
        finish(monitor);
        over_.store(false);
        thread_ = std::thread([this, first, sums = std::move(sums)] {
            try {
                const Index last = first + static_cast<Index>(sums.size()) - 1;
                const Index from = file_.offset(first, first);
                const Index bytes = file_.offset(last, last) + file_.bytes(last) - from;
                if (file_.sync(from, bytes, stop_)) {
                    for (Index J = first; J <= last; ++J)
                        file_.record(J, sums[static_cast<std::size_t>(J - first)]);
                    file_.sync();
                }
            } catch (...) {
                failure_ = std::current_exception();
            }
            over_.store(true);
        });
    }

    // What was begun is recorded. Throws what went wrong.
    void finish(Monitor& monitor) {
        if (!thread_.joinable())
            return;
        while (!over_.load()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            monitor.check();
        }
        thread_.join();
        if (failure_)
            std::rethrow_exception(std::exchange(failure_, nullptr));
    }

private:
    FactorFile& file_;
    std::thread thread_;
    std::atomic<bool> stop_{false}, over_{false};
    std::exception_ptr failure_;
};

} // namespace mehler
