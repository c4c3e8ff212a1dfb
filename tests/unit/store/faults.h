#pragma once
// A disk that fails when the test says so: SQLite's own VFS with calls of it turned into errors.

#include <atomic>

namespace govctl::store::test {

struct DiskFaults {
  std::atomic<bool> sync_fails = false;   // fsync: SQLITE_IOERR_FSYNC
  std::atomic<bool> write_fails = false;  // write: SQLITE_IOERR_WRITE
  std::atomic<bool> disk_full = false;    // write: SQLITE_FULL, but for what was there already
};

// The disk under every connection that is opened from now until the end of the scope.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  DiskFaults& faults();
};

}  // namespace govctl::store::test
