// A file that is read and written at places, with errors that name it.
#pragma once
#include <algorithm>
#include <atomic>
#include <string>
#include <system_error>
#include <utility>

#include "core/types.hpp"
#if defined(_WIN32)
#include "core/file_windows.hpp"
#else
#include "core/file_posix.hpp"
#endif

namespace mehler {

// An error of the system, or a file that is not what it should be. Python makes an OSError of it;
// of code 0 (another file than was asked for) a ValueError.
struct FileError : std::runtime_error {
    FileError(int code_, std::string path_, const std::string& what)
        : std::runtime_error(what), code(code_), path(std::move(path_)) {}
    int code; // errno
    std::string path;
};

class File {
public:
    using Access = files::Access;
    using Lock = files::Lock;
    static constexpr Index piece = Index{4} << 20; // bytes between two looks at a monitor

    File() = default;
    // Open unless code() says why not. direct: past the system's cache; whole pages only then.
    File(std::string path, Access access, bool direct = false) : path_(std::move(path)) {
        code_ = files::open(path_, access, direct, handle_);
        if (code_ != 0)
            handle_ = files::closed;
    }
    File(File&& other) noexcept
        : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, files::closed)),
          locked_(other.locked_), code_(other.code_) {}
    File& operator=(File&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(handle_, other.handle_);
        std::swap(locked_, other.locked_);
        std::swap(code_, other.code_);
        return *this;
    }
    ~File() {
        if (open())
            files::close(handle_);
    }

    static bool exists(const std::string& path) { return files::exists(path); }
    static void remove(const std::string& path) { files::remove(path); }

    bool open() const { return handle_ != files::closed; }
    int code() const { return code_; } // why it is not
    const std::string& path() const { return path_; }
    // Refuses a device and a pipe, before anything is written to it.
    void check_regular() const {
        if (!files::regular(handle_))
            throw FileError(0, path_, path_ + " is not a regular file; pass another path.");
    }

    static std::string words(int code) { return std::generic_category().message(code); }
    [[noreturn]] void fail(int code, const std::string& what) const {
        throw FileError(code, path_, what + " (" + words(code) + ")");
    }
    Index size() const {
        Index bytes = 0;
        check(files::size(handle_, bytes), "its size cannot be read");
        return bytes;
    }
    // Bytes that can still be written where it lies.
    Index room() const {
        Index bytes = 0;
        check(files::room(handle_, path_, bytes), "the room on its disk cannot be read");
        return bytes;
    }
    bool lock(Lock wanted) { // alone or shared; false: somebody else has it
        const int code = files::lock(handle_, wanted, locked_);
        if (code == EWOULDBLOCK)
            return false;
        check(code, "it cannot be locked; use a file system that has locks");
        locked_ = wanted;
        return true;
    }
    // So many bytes belong to it now: a full disk is met here and not later.
    void reserve(Index bytes) const {
        const std::string what = "the disk has no room for its " + std::to_string(bytes) +
                                 " bytes; free that much, or pass a path on another disk";
        if (room() + size() < bytes)
            fail(ENOSPC, what);
        check(files::reserve(handle_, bytes), what);
    }
    void cut(Index bytes) const { check(files::cut(handle_, bytes), "it cannot be cut"); }
    // Bytes [at, at + count); fewer only where the file ends.
    Index read(void* to, Index count, Index at) const {
        return all(count, "it cannot be read", [&](Index done) {
            return files::read(handle_, static_cast<char*>(to) + done, count - done, at + done);
        });
    }
    void soon(Index at, Index count) const { files::soon(handle_, at, count); } // read() will ask
    void write(const void* from, Index count, Index at) const {
        const char* const what = "it cannot be written; what it held before is still there";
        const Index done = all(count, what, [&](Index put) {
            return files::write(handle_, static_cast<const char*>(from) + put, count - put,
                                at + put);
        });
        check(done < count ? EIO : 0, what);
    }
    void sync() const { // what was written is there after a loss of power
        check(files::sync(handle_), unwritten);
    }
    // The same of bytes [at, at + count) at least; false: given up, `stop` was set. In pieces, so
    // that there is a way out of a slow disk.
    bool sync(Index at, Index count, const std::atomic<bool>& stop) const {
        for (Index done = 0; done < count && !stop.load(std::memory_order_relaxed); done += piece)
            check(files::sync_part(handle_, at + done, std::min(piece, count - done)), unwritten);
        if (stop.load(std::memory_order_relaxed))
            return false;
        sync();
        return true;
    }

private:
    static constexpr const char* unwritten = "what was written did not reach the disk";

    void check(int code, const std::string& what) const {
        if (code != 0)
            fail(code, what);
    }
    template <class Some>
    Index all(Index count, const char* what, const Some& some) const {
        Index done = 0;
        while (done < count) {
            const Index more = some(done);
            if (more == 0)
                break;
            if (more < 0 && more != -EINTR)
                fail(static_cast<int>(-more), what);
            done += std::max(more, Index(0));
        }
        return done;
    }

    std::string path_;
    files::Handle handle_ = files::closed;
    Lock locked_ = Lock::none;
    int code_ = 0;
};

} // namespace mehler
