// What a file system does with a file, by Windows. Codes are those of errno, 0 where nothing is
// wrong.
#pragma once
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#undef near // words of sixteen bits
#undef far
#undef small

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "core/types.hpp"

namespace mehler::files {

enum class Access { read, write, create }; // write: and read; create: the same, made if missing
enum class Lock { none, shared, alone };

using Handle = HANDLE;
inline const Handle closed = INVALID_HANDLE_VALUE;

inline std::filesystem::path native(const std::string& path) { // UTF-8
    return std::filesystem::path(std::u8string(path.begin(), path.end()));
}
inline int code_of(DWORD error) {
    if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING ||
        error == ERROR_SHARING_VIOLATION)
        return EWOULDBLOCK;
    const std::error_condition known =
        std::error_code(static_cast<int>(error), std::system_category()).default_error_condition();
    return known.category() == std::generic_category() ? known.value() : EIO;
}
inline int last() {
    return code_of(GetLastError());
}
inline OVERLAPPED place(Index at) {
    OVERLAPPED where{};
    where.Offset = static_cast<DWORD>(static_cast<std::uint64_t>(at) & 0xffffffffu);
    where.OffsetHigh = static_cast<DWORD>(static_cast<std::uint64_t>(at) >> 32);
    return where;
}

// direct: past the system's cache
inline int open(const std::string& path, Access access, bool direct, Handle& handle) {
    std::error_code ignored;
    if (std::filesystem::is_directory(native(path), ignored))
        return EISDIR;
    const DWORD wanted =
        access == Access::read ? GENERIC_READ : DWORD(GENERIC_READ | GENERIC_WRITE);
    handle = CreateFileW(native(path).c_str(), wanted,
                         FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                         access == Access::create ? OPEN_ALWAYS : OPEN_EXISTING,
                         direct ? FILE_FLAG_NO_BUFFERING : FILE_ATTRIBUTE_NORMAL, nullptr);
    return handle == closed ? last() : 0;
}
inline void close(Handle handle) {
    CloseHandle(handle);
}
inline bool exists(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(native(path), ignored);
}
inline void remove(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove(native(path), ignored);
}
inline bool regular(Handle handle) {
    return GetFileType(handle) == FILE_TYPE_DISK;
}
inline int size(Handle handle, Index& bytes) {
    LARGE_INTEGER found;
    if (!GetFileSizeEx(handle, &found))
        return last();
    bytes = static_cast<Index>(found.QuadPart);
    return 0;
}
// What can still be written where it lies.
inline int room(Handle, const std::string& path, Index& bytes) {
    std::error_code code;
    const std::filesystem::path whole = std::filesystem::absolute(native(path), code);
    ULARGE_INTEGER found;
    if (code || !GetDiskFreeSpaceExW(whole.parent_path().c_str(), &found, nullptr, nullptr))
        return code ? EIO : last();
    bytes = static_cast<Index>(found.QuadPart);
    return 0;
}
// EWOULDBLOCK: somebody else has it. had: what this handle holds so far, which is given up. Locks
// keep others from the bytes themselves: the one taken lies beyond every file.
inline int lock(Handle handle, Lock wanted, Lock had) {
    constexpr Index beyond = Index{1} << 62;
    const auto take = [&](DWORD how) {
        OVERLAPPED where = place(beyond);
        return LockFileEx(handle, how | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &where) ? 0 : last();
    };
    const auto give_up = [&] {
        OVERLAPPED where = place(beyond);
        UnlockFileEx(handle, 0, 1, 0, &where);
    };
    if (had == wanted)
        return 0;
    if (had == Lock::shared)
        give_up(); // one cannot be made of the other
    const int code = take(wanted == Lock::alone ? LOCKFILE_EXCLUSIVE_LOCK : 0);
    if (code != 0) {
        if (had == Lock::shared)
            take(0);
        return code;
    }
    if (had == Lock::alone)
        give_up(); // of two on the same byte the exclusive one goes first
    return 0;
}
inline int cut(Handle handle, Index bytes) {
    FILE_END_OF_FILE_INFO end;
    end.EndOfFile.QuadPart = bytes;
    return SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof end) ? 0 : last();
}
// So many bytes are the file's: no later write finds the disk full.
inline int reserve(Handle handle, Index bytes) {
    Index now = 0;
    const int code = size(handle, now);
    return code != 0 ? code : now < bytes ? cut(handle, bytes) : 0;
}
// Bytes that were read or written, 0 at the end of the file; or -errno.
inline Index read(Handle handle, void* to, Index count, Index at) {
    OVERLAPPED where = place(at);
    DWORD got = 0;
    if (ReadFile(handle, to, static_cast<DWORD>(std::min<Index>(count, Index{1} << 30)), &got,
                 &where))
        return static_cast<Index>(got);
    return GetLastError() == ERROR_HANDLE_EOF ? 0 : -last();
}
inline void soon(Handle, Index, Index) {} // it reads ahead by itself
inline Index write(Handle handle, const void* from, Index count, Index at) {
    OVERLAPPED where = place(at);
    DWORD put = 0;
    if (WriteFile(handle, from, static_cast<DWORD>(std::min<Index>(count, Index{1} << 30)), &put,
                  &where))
        return static_cast<Index>(put);
    return -last();
}
// What was written is there after a loss of power.
inline int sync(Handle handle) {
    return FlushFileBuffers(handle) ? 0 : last();
}
inline int sync_part(Handle, Index, Index) {
    return 0;
}

} // namespace mehler::files
