#pragma once
// A file for its owner's eyes (0600) that is whole or not there: written under another name and renamed at the
// end.

#include <string>
#include <string_view>

#include "common/error.h"

namespace govctl::cli {

class PrivateFile {
 public:
  // conflict: there is one already; no_permission, unavailable: it cannot be made.
  static Result<PrivateFile> create(const std::string& path);
  // Removes it again unless finish() was called.
  ~PrivateFile();
  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&&) = delete;
  Result<void> write(std::string_view bytes);
  // On disk under its name when this returns; never in place of another.
  Result<void> finish();
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  PrivateFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  [[nodiscard]] std::string unfinished() const { return path_ + ".part"; }
  int fd_;
  std::string path_;
  std::int64_t bytes_ = 0;
};

// "20261121T093000Z", for names of files.
std::string file_stamp();

}  // namespace govctl::cli
