// Blocks of a file in a given order, read by a thread of its own while those before are worked on.
#pragma once
#include <condition_variable>
#include <exception>
#include <mutex>

#include "core/monitor.hpp"
#include "disk/factor_file.hpp"

namespace mehler {

struct Block {
    Index offset, bytes;
};

class ReadAhead {
public:
    static constexpr Index slots = 3; // one worked on, one waiting, one being read

    // `space` holds `slots` blocks of at most `most` bytes; it and the file outlive this.
    ReadAhead(const FactorFile& file, std::vector<Block> blocks, char* space, Index most)
        : file_(file), blocks_(std::move(blocks)), space_(space), most_(most),
          thread_([this] { read(); }) {}
    ReadAhead(const ReadAhead&) = delete;
    ReadAhead& operator=(const ReadAhead&) = delete;
    ~ReadAhead() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    // The next block. The one before is given back.
    const char* next(Monitor& monitor) {
        std::unique_lock lock(mutex_);
        given_ = wanted_++;
        changed_.notify_all();
        while (read_ < wanted_ && !failure_) {
            changed_.wait_for(lock, std::chrono::milliseconds(20));
            lock.unlock();
            monitor.check();
            lock.lock();
        }
        if (read_ < wanted_)
            std::rethrow_exception(failure_);
        return slot(wanted_ - 1);
    }

private:
    char* slot(Index i) const { return space_ + i % slots * most_; }

    void read() {
        try {
            for (Index i = 0; i < static_cast<Index>(blocks_.size()); ++i) {
                {
                    std::unique_lock lock(mutex_);
                    changed_.wait(lock, [&] { return over_ || i < given_ + slots; });
                    if (over_)
                        return;
                }
                const Block& b = blocks_[static_cast<std::size_t>(i)];
                for (Index at = 0; at < b.bytes; at += File::piece) {
                    file_.read(slot(i) + at, std::min(File::piece, b.bytes - at), b.offset + at);
                    const std::lock_guard lock(mutex_);
                    if (over_)
                        return;
                }
                {
                    const std::lock_guard lock(mutex_);
                    read_ = i + 1;
                }
                changed_.notify_all();
            }
        } catch (...) {
            {
                const std::lock_guard lock(mutex_);
                failure_ = std::current_exception();
            }
            changed_.notify_all();
        }
    }

    const FactorFile& file_;
    const std::vector<Block> blocks_;
    char* const space_;
    const Index most_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Index wanted_ = 0, given_ = 0, read_ = 0; // blocks asked for, given back, read
    bool over_ = false;
    std::exception_ptr failure_;
    std::thread thread_; // last: it uses all that stands above
};

} // namespace mehler
