#pragma once
// The journal of a file's calls (30-ledger.md "Writing to disk"): what a call may not be answered before it is
// on disk, in one short write for all who wait; the writer brings it into SQLite a moment later. One thread at
// a time.
//
// On disk: <database>.calls, two segments that are filled in turn. Each starts with a block {magic, version,
// org, generation, checksum}; behind it frames {magic, length, generation, index, checksum}, a payload, zeros
// up to the next block. A frame counts when its checksum (CRC-32C of its header and payload) does: what was
// torn was promised to nobody. No block is written twice in a generation, so nothing that was promised can be
// torn by a later write. A segment is filled anew only when all that it holds is in SQLite.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/id.h"
#include "daemon/store/block_file.h"

namespace govctl::store {

class Journal {
 public:
  Journal(std::string path, const OrgId& org, std::uint64_t segment_bytes, BlockFileMaker make);

  static std::string path_beside(const std::string& database) { return database + ".calls"; }
  // The payloads of the frames that are whole, oldest first; none when there is no journal. What stands behind
  // the first frame that is not whole was never promised. corrupt when the file is not this org's journal,
  // or a frame is broken that a later one shows to have been promised.
  static Result<std::vector<std::string>> read(const std::string& path, const OrgId& org);
  // Takes the file away, once all that it holds is in SQLite. A later append makes it anew.
  Result<void> remove();

  // The largest payload that append() takes.
  [[nodiscard]] std::size_t capacity() const;
  // Where the next frame of `bytes` would overwrite frames up to this number; 0: none. Wait until they are in
  // SQLite.
  [[nodiscard]] std::uint64_t overwrites(std::size_t bytes) const;
  // Durable when it returns: the frame's number, ascending from 1. unavailable: no room for the file, and
  // nothing was promised; internal: the disk failed, and its state is unknown.
  Result<std::uint64_t> append(std::string_view payload);

 private:
  [[nodiscard]] bool fits(std::size_t bytes) const;
  std::string path_;
  OrgId org_;
  std::uint64_t segment_bytes_;
  BlockFileMaker make_;
  std::unique_ptr<BlockFile> file_;  // made at the first append
  BlockBuffer buffer_;
  std::uint64_t generation_ = 0;         // of the segment being filled, which is generation_ % 2; 0: none
  std::uint32_t index_ = 0;              // of its next frame
  std::uint64_t used_ = 0;               // bytes of it
  std::uint64_t frame_ = 0;              // the last number given
  std::array<std::uint64_t, 2> last_{};  // the last frame of each segment
};

}  // namespace govctl::store
