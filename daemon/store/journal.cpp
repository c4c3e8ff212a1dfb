#include "daemon/store/journal.h"

#include <cryptopp/crc.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

constexpr std::uint64_t segment_magic = 0x316c6c6163766f67;  // "govcall1"
constexpr std::uint32_t frame_magic = 0x4c4c4143;            // "CALL"
static_assert(std::endian::native == std::endian::little, "the journal is written as memory has it");

struct SegmentHead {
  std::uint64_t magic = segment_magic;
  std::uint64_t generation = 0;
  std::uint64_t segment_bytes = 0;
  Uuid org{};
  std::uint32_t checksum = 0;  // of what stands before it
  std::uint32_t unused = 0;
};
static_assert(sizeof(SegmentHead) == 48);

struct FrameHead {
  std::uint32_t magic = frame_magic;
  std::uint32_t length = 0;
  std::uint64_t generation = 0;
  std::uint32_t index = 0;
  std::uint32_t checksum = 0;  // of what stands before it, and of the payload
};
static_assert(sizeof(FrameHead) == 24);

std::uint32_t checksum(const void* head, std::size_t head_bytes, std::string_view payload) {
  CryptoPP::CRC32C crc;
  crc.Update(static_cast<const CryptoPP::byte*>(head), head_bytes);
  crc.Update(reinterpret_cast<const CryptoPP::byte*>(payload.data()), payload.size());
  std::uint32_t sum = 0;
  crc.TruncatedFinal(reinterpret_cast<CryptoPP::byte*>(&sum), sizeof sum);
  return sum;
}

std::uint64_t whole_blocks(std::uint64_t bytes) {
  return (bytes + block_bytes - 1) / block_bytes * block_bytes;
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return std::string{};
    return fail(Code::unavailable, fmt::format("{} cannot be read: {}", path, describe_errno(errno)));
  }
  struct stat facts{};
  std::string bytes;
  bool whole = ::fstat(fd, &facts) == 0;
  if (whole) bytes.resize(static_cast<std::size_t>(facts.st_size));
  for (std::size_t at = 0; whole && at < bytes.size();) {
    const ssize_t got = ::read(fd, bytes.data() + at, bytes.size() - at);
    whole = got > 0 || (got < 0 && errno == EINTR);
    if (got > 0) at += static_cast<std::size_t>(got);
  }
  const int code = errno;
  ::close(fd);
  if (!whole) return fail(Code::unavailable, fmt::format("{} cannot be read: {}", path, describe_errno(code)));
  return bytes;
}

// The head of a segment, when it is whole.
std::optional<SegmentHead> segment_head(std::string_view bytes) {
  SegmentHead head;
  if (bytes.size() < block_bytes) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  const bool whole =
      head.magic == segment_magic && head.checksum == checksum(&head, offsetof(SegmentHead, checksum), {});
  return whole ? std::optional(head) : std::nullopt;
}

// A frame that is whole.
struct Frame {
  std::uint32_t index = 0;
  std::string_view payload;
  std::size_t bytes = 0;
};
std::optional<Frame> frame_at(std::string_view segment, std::size_t at, std::uint64_t generation) {
  FrameHead head;
  if (at + sizeof head > segment.size()) return std::nullopt;
  std::memcpy(&head, segment.data() + at, sizeof head);
  if (head.magic != frame_magic || head.generation != generation) return std::nullopt;
  if (head.length > segment.size() - at - sizeof head) return std::nullopt;
  const std::string_view payload = segment.substr(at + sizeof head, head.length);
  if (head.checksum != checksum(&head, offsetof(FrameHead, checksum), payload)) return std::nullopt;
  return Frame{head.index, payload, whole_blocks(sizeof head + head.length)};
}

// False when a frame that was promised is broken: another one stands behind it, and none is written behind one
// that failed.
bool read_frames(std::string_view segment, std::uint64_t generation, std::vector<std::string>& payloads) {
  std::size_t at = block_bytes;
  std::uint32_t index = 0;
  for (auto frame = frame_at(segment, at, generation); frame && frame->index == index;
       frame = frame_at(segment, at, generation)) {
    payloads.emplace_back(frame->payload);
    at += frame->bytes;
    ++index;
  }
  for (; at < segment.size(); at += block_bytes) {
    if (const auto later = frame_at(segment, at, generation); later && later->index >= index) return false;
  }
  return true;
}

}  // namespace

Journal::Journal(std::string path, const OrgId& org, std::uint64_t segment_bytes, BlockFileMaker make)
    : path_(std::move(path)), org_(org), segment_bytes_(whole_blocks(segment_bytes)), make_(std::move(make)) {}

Result<std::vector<std::string>> Journal::read(const std::string& path, const OrgId& org) {
  auto bytes = read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  struct Segment {
    std::uint64_t generation;
    std::string_view bytes;
  };
  std::vector<Segment> segments;
  const std::string_view all = *bytes;
  const std::size_t half = all.size() / 2 / block_bytes * block_bytes;
  for (const std::string_view part : {all.substr(0, half), all.substr(half)}) {
    const auto head = segment_head(part);
    if (!head) continue;  // never filled, or torn before its first frame was promised
    if (head->org != org.bytes || head->segment_bytes != half) {
      return fail(Code::corrupt, fmt::format("{} is not the journal of this organization", path));
    }
    segments.push_back({head->generation, part});
  }
  std::ranges::sort(segments, {}, &Segment::generation);
  std::vector<std::string> payloads;
  for (const Segment& segment : segments) {
    if (!read_frames(segment.bytes, segment.generation, payloads)) {
      return fail(Code::corrupt, fmt::format("{} is damaged: what was promised in it cannot be read", path));
    }
  }
  return payloads;
}

Result<void> Journal::remove() {
  file_.reset();
  generation_ = 0;
  used_ = 0;
  last_ = {};
  if (::unlink(path_.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fail(Code::unavailable, fmt::format("{} cannot be removed: {}", path_, describe_errno(errno)));
  }
  return sync_directory_of(path_);
}

std::size_t Journal::capacity() const { return segment_bytes_ - block_bytes - sizeof(FrameHead); }

bool Journal::fits(std::size_t bytes) const {
  return generation_ != 0 && used_ + whole_blocks(sizeof(FrameHead) + bytes) <= segment_bytes_;
}

std::uint64_t Journal::overwrites(std::size_t bytes) const {
  return fits(bytes) ? 0 : last_[(generation_ + 1) % 2];
}

Result<std::uint64_t> Journal::append(std::string_view payload) {
  if (payload.size() > capacity()) return fail(Code::unavailable, "a record is larger than the journal");
  if (!file_) {
    auto made = make_(path_, 2 * segment_bytes_);
    if (!made) return std::unexpected(made.error());
    file_ = std::move(*made);
  }
  const bool anew = !fits(payload.size());
  if (anew) {
    ++generation_;
    index_ = 0;
    used_ = 0;
  }
  const std::uint64_t segment = generation_ % 2;
  const std::uint64_t start = segment * segment_bytes_;
  const std::size_t bytes = whole_blocks(sizeof(FrameHead) + payload.size());
  const std::span<char> out = buffer_.grow_to(std::max(bytes, block_bytes));
  const auto put = [&](std::uint64_t at, std::size_t size) -> Result<void> {
    auto written = file_->write(start + at, out.first(size));
    if (written) written = file_->sync();
    // What stands there now is not known: the next frame begins the other segment.
    if (!written) used_ = segment_bytes_;
    return written;
  };
  if (anew) {
    SegmentHead head;
    head.generation = generation_;
    head.segment_bytes = segment_bytes_;
    head.org = org_.bytes;
    head.checksum = checksum(&head, offsetof(SegmentHead, checksum), {});
    std::ranges::fill(out, '\0');
    std::memcpy(out.data(), &head, sizeof head);
    // Durable before its first frame: under the head of an older generation that frame would look like damage
    // to one that was promised.
    if (auto written = put(0, block_bytes); !written) return std::unexpected(written.error());
    used_ = block_bytes;
  }
  FrameHead head;
  head.length = static_cast<std::uint32_t>(payload.size());
  head.generation = generation_;
  head.index = index_;
  head.checksum = checksum(&head, offsetof(FrameHead, checksum), payload);
  std::memcpy(out.data(), &head, sizeof head);
  std::memcpy(out.data() + sizeof head, payload.data(), payload.size());
  std::ranges::fill(out.first(bytes).subspan(sizeof head + payload.size()), '\0');
  if (auto written = put(used_, bytes); !written) return std::unexpected(written.error());
  ++index_;
  used_ += bytes;
  last_[segment] = ++frame_;
  return frame_;
}

}  // namespace govctl::store
