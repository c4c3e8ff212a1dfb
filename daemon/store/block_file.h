#pragma once
// A file of fixed size, written in whole blocks where the caller says and durable when sync() returns: what a
// journal lies on. The one seam to the disk beside SQLite's own, so that a test can fail it or lose what was
// not synced.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "common/error.h"

namespace govctl::store {

constexpr std::size_t block_bytes = 4096;

class BlockFile {
 public:
  BlockFile() = default;
  virtual ~BlockFile() = default;
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;
  // `bytes` starts at a multiple of block_bytes in memory and is whole blocks, and so is `offset`. unavailable:
  // no room, nothing of it counts; internal: the disk failed.
  virtual Result<void> write(std::uint64_t offset, std::span<const char> bytes) = 0;
  // internal: the disk's state is unknown from here on.
  virtual Result<void> sync() = 0;
};

// Makes the file (0600) with every block written, so that a later write changes no metadata, its name on disk.
// An older one of that name is replaced. unavailable when there is no room.
using BlockFileMaker =
    std::function<Result<std::unique_ptr<BlockFile>>(const std::string& path, std::uint64_t bytes)>;
Result<std::unique_ptr<BlockFile>> make_block_file(const std::string& path, std::uint64_t bytes);

// Memory that a BlockFile takes without a copy.
class BlockBuffer {
 public:
  [[nodiscard]] std::span<char> grow_to(
      std::size_t bytes);  // whole blocks; what was in it is lost when it grows
 private:
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace govctl::store
