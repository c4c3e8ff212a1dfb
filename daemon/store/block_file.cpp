#include "daemon/store/block_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

Error write_error(const std::string& path, int code) {
  const bool no_room = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return Error{no_room ? Code::unavailable : Code::internal,
               fmt::format("{} cannot be written: {}", path, describe_errno(code)),
               {},
               {}};
}

class OpenBlockFile final : public BlockFile {
 public:
  OpenBlockFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~OpenBlockFile() override { ::close(fd_); }
  OpenBlockFile(const OpenBlockFile&) = delete;
  OpenBlockFile& operator=(const OpenBlockFile&) = delete;

  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return std::unexpected(write_error(path_, written == 0 ? ENOSPC : errno));
      offset += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> sync() override {
    if (::fdatasync(fd_) == 0) return {};
    return fail(Code::internal, fmt::format("{} cannot be synced: {}", path_, describe_errno(errno)));
  }

 private:
  std::string path_;
  int fd_;
};

// A new file of zeros. Whatever fails is unavailable: nothing was promised yet.
Result<std::unique_ptr<BlockFile>> fill(const std::string& path, std::uint64_t bytes, int more_flags) {
  const auto cannot = [&](const std::string& why) {
    return fail(Code::unavailable, fmt::format("{} cannot be made: {}", path, why));
  };
  ::unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | more_flags, 0600);
  if (fd < 0) return cannot(describe_errno(errno));
  auto file = std::make_unique<OpenBlockFile>(path, fd);
  BlockBuffer buffer;
  const std::span<char> zeros = buffer.grow_to(std::min<std::uint64_t>(bytes, std::uint64_t{1} << 20));
  std::ranges::fill(zeros, '\0');
  Result<void> made;
  for (std::uint64_t at = 0; made && at < bytes; at += zeros.size()) {
    made = file->write(at, zeros.first(std::min<std::uint64_t>(zeros.size(), bytes - at)));
  }
  if (made) made = file->sync();
  if (made) made = sync_directory_of(path);
  if (!made) return cannot(made.error().message);
  return file;
}

}  // namespace

Result<std::unique_ptr<BlockFile>> make_block_file(const std::string& path, std::uint64_t bytes) {
  // Past the page cache where the file system can: a commit then costs half as much.
  auto file = fill(path, bytes, O_DIRECT);
  if (!file) file = fill(path, bytes, 0);
  if (!file) {
    ::unlink(path.c_str());
    return std::unexpected(file.error());
  }
  return file;
}
void BlockBuffer::Free::operator()(char* memory) const {
  ::operator delete[](memory, std::align_val_t{block_bytes});
}

std::span<char> BlockBuffer::grow_to(std::size_t bytes) {
  const std::size_t size = (bytes + block_bytes - 1) / block_bytes * block_bytes;
  if (size > size_) {
    memory_.reset(static_cast<char*>(::operator new[](size, std::align_val_t{block_bytes})));
    size_ = size;
  }
  return {memory_.get(), size};
}

}  // namespace govctl::store
