// What a file system does with a file, by POSIX. Codes are those of errno, 0 where nothing is
// wrong.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "core/types.hpp"

namespace mehler::files {

enum class Access { read, write, create }; // write: and read; create: the same, made if missing
enum class Lock { none, shared, alone };

using Handle = int;
inline constexpr Handle closed = -1;

// direct: past the system's cache, where that is possible
inline int open(const std::string& path, Access access, bool direct, Handle& handle) {
    int flags = access == Access::read ? O_RDONLY : O_RDWR;
    if (access == Access::create)
        flags |= O_CREAT;
#if defined(O_DIRECT)
    if (direct)
        flags |= O_DIRECT;
#else
    (void)direct;
#endif
    // a pipe is not waited for: whether it is a file is asked once it is open
    handle = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0666);
    return handle < 0 ? errno : 0;
}
inline void close(Handle handle) {
    ::close(handle);
}
inline bool exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}
inline void remove(const std::string& path) {
    ::unlink(path.c_str());
}
inline bool regular(Handle handle) {
    struct stat about;
    return ::fstat(handle, &about) != 0 || S_ISREG(about.st_mode);
}
inline int size(Handle handle, Index& bytes) {
    struct stat about;
    if (::fstat(handle, &about) != 0)
        return errno;
    bytes = static_cast<Index>(about.st_size);
    return 0;
}
// What can still be written where it lies.
inline int room(Handle handle, const std::string&, Index& bytes) {
    struct statvfs about;
    if (::fstatvfs(handle, &about) != 0)
        return errno;
    bytes = static_cast<Index>(about.f_bavail) * static_cast<Index>(about.f_frsize);
    return 0;
}
// EWOULDBLOCK: somebody else has it. had: what this handle holds so far, which is given up.
inline int lock(Handle handle, Lock wanted, Lock) {
    const int operation = wanted == Lock::alone ? LOCK_EX : LOCK_SH;
    return ::flock(handle, operation | LOCK_NB) == 0 ? 0 : errno;
}
inline int cut(Handle handle, Index bytes) {
    return ::ftruncate(handle, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}
// So many bytes are the file's: no later write finds the disk full.
inline int reserve(Handle handle, Index bytes) {
#if defined(__linux__)
    int code = EINTR;
    while (code == EINTR)
        code = ::posix_fallocate(handle, 0, static_cast<off_t>(bytes));
    return code;
#else // a hole may be left to fill; how much room there is has been looked at
    Index now = 0;
    const int code = size(handle, now);
    return code != 0 ? code : now < bytes ? cut(handle, bytes) : 0;
#endif
}
// Bytes that were read or written, 0 at the end of the file; or -errno.
inline Index read(Handle handle, void* to, Index count, Index at) {
    const ssize_t got =
        ::pread(handle, to, static_cast<std::size_t>(count), static_cast<off_t>(at));
    return got < 0 ? -errno : static_cast<Index>(got);
}
// These bytes will be read soon: the system fetches them meanwhile, where it can.
inline void soon([[maybe_unused]] Handle handle, [[maybe_unused]] Index at,
                 [[maybe_unused]] Index count) {
#if defined(__linux__)
    constexpr Index some = Index{128} << 10; // Linux fetches no more at a time
    for (Index done = 0; done < count; done += some)
        ::posix_fadvise(handle, static_cast<off_t>(at + done),
                        static_cast<off_t>(std::min(some, count - done)), POSIX_FADV_WILLNEED);
#endif
}
inline Index write(Handle handle, const void* from, Index count, Index at) {
    const ssize_t put =
        ::pwrite(handle, from, static_cast<std::size_t>(count), static_cast<off_t>(at));
    return put < 0 ? -errno : static_cast<Index>(put);
}
// What was written is there after a loss of power.
inline int sync(Handle handle) {
#if defined(__linux__)
    return ::fdatasync(handle) == 0 ? 0 : errno;
#else
    return ::fsync(handle) == 0 ? 0 : errno;
#endif
}
// The same of a part, as far as the system offers it: sync() has less to wait for then. An error
// of writing that it returns is not returned by sync() again.
inline int sync_part([[maybe_unused]] Handle handle, [[maybe_unused]] Index at,
                     [[maybe_unused]] Index count) {
#if defined(__linux__)
    const unsigned how =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (::sync_file_range(handle, static_cast<off_t>(at), static_cast<off_t>(count), how) != 0)
        return errno == EIO || errno == ENOSPC || errno == EDQUOT ? errno : 0; // else: not offered
#endif
    return 0;
}

} // namespace mehler::files
