#pragma once
// A backup's container: a tar file (POSIX ustar; what has 8 GiB and more says its size as GNU tar does),
// compressed with gzip, that `tar` reads as well. By hand above zlib: libarchive brings a dozen libraries, 2
// MiB of them in memory at rest. One thread at a time.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

struct gzFile_s;

namespace govctl::store {

// SHA-256 of what a file holds, as hex digits, and how many bytes that is.
struct Digest {
  std::int64_t bytes = 0;
  std::string sha256;
  bool operator==(const Digest&) const = default;
};

class ArchiveWriter {
 public:
  // Writes to `fd`, which stays the caller's and outlives this.
  static Result<std::unique_ptr<ArchiveWriter>> begin(int fd);
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // `name` has at most 100 bytes.
  Result<Digest> add_file(const std::string& name, const std::string& path);
  Result<void> add_text(const std::string& name, std::string_view text);
  // After the last one; the bytes are written, not synced.
  Result<void> finish();

 private:
  struct Close {
    void operator()(gzFile_s* stream) const;
  };
  explicit ArchiveWriter(gzFile_s* stream) : stream_(stream) {}
  Result<void> begin_entry(const std::string& name, std::int64_t bytes);
  Result<void> end_entry(std::int64_t bytes);
  Result<void> write(std::string_view bytes);
  std::unique_ptr<gzFile_s, Close> stream_;
};

struct Unpacked {
  std::string name;
  Digest digest;
};
// Writes the archive's files below `into`, a directory of this user's own (0600, their directories 0700), in
// the order in which they stand there. invalid: it is no archive of ours, or names a file that `admits` does
// not, or one twice; nothing is written outside of `into`.
Result<std::vector<Unpacked>> unpack(const std::string& archive_path, const std::string& into,
                                     const std::function<bool(std::string_view)>& admits);

}  // namespace govctl::store
