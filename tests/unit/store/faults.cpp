#include "faults.h"

#include <sqlite3.h>

#include <cstring>
#include <mutex>
#include <unordered_map>

namespace govctl::store::test {
namespace {

DiskFaults the_faults;
sqlite3_vfs* real = nullptr;
sqlite3_vfs faulty;
// The methods of the real VFS with write and sync exchanged, one for each set of methods it has.
std::mutex mutex;
std::unordered_map<const sqlite3_io_methods*, sqlite3_io_methods> exchanged;
std::unordered_map<const sqlite3_io_methods*, const sqlite3_io_methods*> original;

const sqlite3_io_methods& real_methods(sqlite3_file* file) {
  const std::scoped_lock lock(mutex);
  return *original.at(file->pMethods);
}

int write_or_fail(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  if (the_faults.write_fails) return SQLITE_IOERR_WRITE;
  if (the_faults.disk_full) return SQLITE_FULL;
  return real_methods(file).xWrite(file, bytes, size, offset);
}

int sync_or_fail(sqlite3_file* file, int flags) {
  if (the_faults.sync_fails) return SQLITE_IOERR_FSYNC;
  return real_methods(file).xSync(file, flags);
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  const int code = real->xOpen(real, name, file, flags, out);
  if (file->pMethods == nullptr) return code;
  const std::scoped_lock lock(mutex);
  auto [found, fresh] = exchanged.try_emplace(file->pMethods, *file->pMethods);
  if (fresh) {
    found->second.xWrite = write_or_fail;
    found->second.xSync = sync_or_fail;
    original[&found->second] = file->pMethods;
  }
  file->pMethods = &found->second;
  return code;
}

}  // namespace

FaultyDisk::FaultyDisk() {
  if (real == nullptr) {
    real = sqlite3_vfs_find(nullptr);
    faulty = *real;
    faulty.zName = "faulty";
    faulty.pNext = nullptr;
    faulty.xOpen = open_file;
  }
  sqlite3_vfs_register(&faulty, 1);
}

FaultyDisk::~FaultyDisk() {
  the_faults.sync_fails = false;
  the_faults.write_fails = false;
  the_faults.disk_full = false;
  sqlite3_vfs_register(real, 1);
}

DiskFaults& FaultyDisk::faults() { return the_faults; }

}  // namespace govctl::store::test
