#pragma once
// What the store needs of the operating system besides SQLite: where files may lie, how much room is left, and
// that a file's name is on disk.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/error.h"

namespace govctl::store {

// The name of a file system whose locks and syncs cannot be trusted, or empty. `magic` is statfs's f_type;
// `type` the word that /proc/self/mountinfo has for the mount, which tells local FUSE file systems from remote
// ones.
std::string_view network_file_system(std::uint64_t magic, std::string_view type);
// invalid when the directory of `path` lies on a network file system (10-architecture.md "Files on disk").
Result<void> refuse_network_file_system(const std::string& path);

// Bytes that this user may still write beside `path`.
Result<std::int64_t> free_bytes(const std::string& path);
// Whether at least `least` bytes are free beside `path`, asked of the system once a second. One thread at a
// time.
class FreeSpace {
 public:
  FreeSpace(std::string path, std::int64_t least, const Clock& clock)
      : path_(std::move(path)), least_(least), clock_(clock) {}
  bool left();

 private:
  std::string path_;
  std::int64_t least_;
  const Clock& clock_;
  std::int64_t asked_ = 0;
  bool left_ = true;
};
// The file's content and its name are on disk when this returns.
Result<void> sync_file(const std::string& path);
// The directory entry of `path` is on disk when this returns.
Result<void> sync_directory_of(const std::string& path);

std::string describe_errno(int code);

}  // namespace govctl::store
