#pragma once
// A file that holds room on the disk for the settlements of calls in flight (30-ledger.md "Writing to disk").
// One for each directory of org files. Any thread.

#include <cstdint>
#include <mutex>
#include <string>

namespace govctl::store {

class Ballast {
 public:
  Ballast(std::string path, std::int64_t bytes) : path_(std::move(path)), bytes_(bytes) {}
  // Takes the room when it is not taken, and `spare` bytes would still be free then.
  void take(std::int64_t spare);
  // Gives the room back to the disk; false when there was none.
  bool release();

 private:
  std::mutex mutex_;
  std::string path_;
  std::int64_t bytes_;
  bool taken_ = false;
};

}  // namespace govctl::store
