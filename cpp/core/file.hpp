// A file that is read and written at places, with errors that name it.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/types.hpp"

namespace mehler {

// An error of the system, or a file that is not what it should be. Python makes an OSError of it.
struct FileError : std::runtime_error {
    FileError(int code_, std::string path_, const std::string& what)
        : std::runtime_error(what), code(code_), path(std::move(path_)) {}
    int code; // errno
    std::string path;
};

class File {
public:
#if defined(O_DIRECT)
    static constexpr int past_cache = O_DIRECT; // a flag of open
#else
    static constexpr int past_cache = 0;
#endif

    File() = default;
    File(std::string path, int flags) : path_(std::move(path)) {
        fd_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0644);
        code_ = fd_ < 0 ? errno : 0;
    }
    File(File&& other) noexcept
        : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), code_(other.code_) {}
    File& operator=(File&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(fd_, other.fd_);
        std::swap(code_, other.code_);
        return *this;
    }
    ~File() {
        if (fd_ >= 0)
            ::close(fd_);
    }

    bool open() const { return fd_ >= 0; }
    int code() const { return code_; } // why it is not
    const std::string& path() const { return path_; }

    [[noreturn]] void fail(int code, const std::string& what) const {
        throw FileError(code, path_, what + " (" + std::strerror(code) + ")");
    }
    Index size() const {
        struct stat about;
        if (::fstat(fd_, &about) != 0)
            fail(errno, "its size cannot be read");
        return about.st_size;
    }
    // Bytes that can still be written where it lies.
    Index room() const {
        struct statvfs about;
        if (::fstatvfs(fd_, &about) != 0)
            fail(errno, "the room on its disk cannot be read");
        return static_cast<Index>(about.f_bavail) * static_cast<Index>(about.f_frsize);
    }
    bool lock(int operation) const { // LOCK_EX or LOCK_SH; false: somebody else has it
        if (::flock(fd_, operation | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK)
            fail(errno, "it cannot be locked; use a file system that knows flock");
        return false;
    }
    // So many bytes belong to it now: a full disk is met here and not later.
    void reserve(Index bytes) const {
        int code = 0;
#if defined(__linux__)
        while ((code = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes))) == EINTR)
            ;
#else // a hole may be left to fill; that there is room has been looked at
        if (size() < bytes && ::ftruncate(fd_, static_cast<off_t>(bytes)) != 0)
            code = errno;
#endif
        if (code != 0)
            fail(code, "the disk has no room for its " + std::to_string(bytes) + " bytes");
    }
    void cut(Index bytes) const {
        if (::ftruncate(fd_, bytes) != 0)
            fail(errno, "it cannot be cut");
    }
    // Bytes [at, at + count); fewer only where the file ends.
    Index read(void* to, Index count, Index at) const {
        Index got = 0;
        while (got < count) {
            const ssize_t more = ::pread(fd_, static_cast<char*>(to) + got,
                                         static_cast<std::size_t>(count - got), at + got);
            if (more == 0)
                break;
            if (more < 0 && errno != EINTR)
                fail(errno, "it cannot be read");
            got += more > 0 ? more : 0;
        }
        return got;
    }
    void write(const void* from, Index count, Index at) const {
        for (Index put = 0; put < count;) {
            const ssize_t more = ::pwrite(fd_, static_cast<const char*>(from) + put,
                                          static_cast<std::size_t>(count - put), at + put);
            if (more < 0 && errno != EINTR)
                fail(errno, "it cannot be written");
            put += more > 0 ? more : 0;
        }
    }
    void sync() const { // what was written is there after a loss of power
#if defined(__linux__)
        const int code = ::fdatasync(fd_);
#else
        const int code = ::fsync(fd_);
#endif
        if (code != 0)
            fail(errno, "what was written did not reach the disk");
    }

private:
    std::string path_;
    int fd_ = -1, code_ = 0;
};

} // namespace mehler
