// A file of large blocks at known places: positioned reads and writes that do all that was asked,
// or say what stood against it. One process at a time holds the file.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/monitor.hpp"

namespace mehler {

// code: errno, EIO also where the file is not what was written; 0 where it is none that was asked
// for.
struct FactorFileError : std::runtime_error {
    FactorFileError(int code_, std::string path_, const std::string& message)
        : std::runtime_error(message), code(code_), path(std::move(path_)) {}
    int code;
    std::string path;
};

class BlockFile {
public:
    static constexpr Index piece = Index{4} << 20; // bytes between two looks at the monitor

    // Made where there is none, and held for writing until the end; or only looked at.
    explicit BlockFile(std::string path, bool look = false) : path_(std::move(path)) {
        handle_ = ::open(path_.c_str(), (look ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0666);
        if (handle_ < 0)
            fail(look ? "it cannot be opened" : "it has to be opened for reading and writing");
        try {
            struct stat about;
            if (::fstat(handle_, &about) != 0)
                fail("its size is not to be had");
            if (!S_ISREG(about.st_mode))
                throw FactorFileError(0, path_,
                                      path_ + " is not a regular file; pass another path.");
            if (!look && ::flock(handle_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
                fail("another process, or another factor of this one, uses it; pass another path");
        } catch (...) {
            ::close(handle_);
            throw;
        }
    }
    BlockFile(const BlockFile&) = delete;
    BlockFile& operator=(const BlockFile&) = delete;
    ~BlockFile() { ::close(handle_); }

    const std::string& path() const { return path_; }

    Index size() const {
        struct stat about;
        if (::fstat(handle_, &about) != 0)
            fail("its size is not to be had");
        return static_cast<Index>(about.st_size);
    }

    // Bytes [0, size) are on the disk's account from now on: no later write finds it full.
    void reserve(Index size) const {
#if defined(__linux__)
        const int code = ::posix_fallocate(handle_, 0, static_cast<off_t>(size));
#else // a hole may be left to fill: the next best is to look how much is free
        struct statvfs disk;
        int code = ::fstatvfs(handle_, &disk) == 0 &&
                           static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize) <
                               static_cast<double>(size - this->size())
                       ? ENOSPC
                       : 0;
        if (code == 0 && this->size() < size && ::ftruncate(handle_, static_cast<off_t>(size)) != 0)
            code = errno;
#endif
        if (code != 0) {
            errno = code;
            fail("it takes " + std::to_string(size / 1'000'000) +
                 " MB; free that much, or pass a path on another disk");
        }
    }

    void clear() const {
        if (::ftruncate(handle_, 0) != 0)
            fail("it could not be cleared");
    }
    void remove() const { ::unlink(path_.c_str()); }

    void read(Index offset, Index bytes, void* out) const {
        for (char* to = static_cast<char*>(out); bytes > 0;) {
            const ssize_t got =
                ::pread(handle_, to, static_cast<std::size_t>(bytes), static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                fail("it could not be read");
            if (got == 0)
                throw FactorFileError(
                    EIO, path_,
                    path_ + " was truncated: it ends at byte " + std::to_string(offset) + ", and " +
                        std::to_string(bytes) + " more were written; remove it to begin again.");
            offset += got;
            bytes -= got;
            to += got;
        }
    }

    void write(Index offset, Index bytes, const void* data) const {
        for (const char* from = static_cast<const char*>(data); bytes > 0;) {
            const ssize_t put = ::pwrite(handle_, from, static_cast<std::size_t>(bytes),
                                         static_cast<off_t>(offset));
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                fail("it could not be written; what it held before is still there");
            offset += put;
            bytes -= put;
            from += put;
        }
    }

    // Waits until bytes [offset, offset + bytes) are on the disk; false: given up, `stop` was set.
    bool settle([[maybe_unused]] Index offset, [[maybe_unused]] Index bytes,
                const std::atomic<bool>& stop) const {
#if defined(__linux__) // in pieces, so that there is a way out of a slow disk
        for (Index at = 0; at < bytes; at += piece) {
            if (stop.load(std::memory_order_relaxed))
                return false;
            ::sync_file_range(handle_, static_cast<off_t>(offset + at),
                              static_cast<off_t>(std::min(piece, bytes - at)),
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
        }
#endif
        if (stop.load(std::memory_order_relaxed))
            return false;
        settle();
        return true;
    }
    void settle() const {
        if (::fsync(handle_) != 0)
            fail("what was written did not reach the disk");
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        const int code = errno;
        throw FactorFileError(code, path_, std::string(std::strerror(code)) + ": " + what);
    }

    std::string path_;
    int handle_ = -1;
};

} // namespace mehler
