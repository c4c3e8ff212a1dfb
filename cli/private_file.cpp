#include "cli/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/clock.h"

namespace govctl::cli {
namespace {

std::unexpected<Error> cannot(const std::string& path, int code) {
  if (code == EEXIST) return fail(Code::conflict, fmt::format("there is a file {} already", path));
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  const bool no_place = code == ENOENT || code == ENOTDIR || code == EISDIR;
  return fail(denied     ? Code::no_permission
              : no_place ? Code::invalid
                         : Code::unavailable,
              fmt::format("{} cannot be written: {}", path, strerror(code)));
}

}  // namespace

Result<PrivateFile> PrivateFile::create(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return cannot(path, EEXIST);
  const int fd = open((path + ".part").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return cannot(path, errno);
  if (fchmod(fd, 0600) != 0) {
    const int code = errno;
    close(fd);
    return cannot(path, code);
  }
  return PrivateFile(fd, path);
}

PrivateFile::~PrivateFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(unfinished().c_str());
}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), bytes_(other.bytes_) {}

Result<void> PrivateFile::write(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return cannot(path_, written == 0 ? ENOSPC : errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> PrivateFile::finish() {
  const bool named = fsync(fd_) == 0 && link(unfinished().c_str(), path_.c_str()) == 0;
  const int code = errno;
  close(std::exchange(fd_, -1));
  unlink(unfinished().c_str());
  if (!named) return cannot(path_, code);
  return {};
}

std::string file_stamp() {
  std::string stamp = rfc3339(SystemClock().now());
  stamp = stamp.substr(0, stamp.find('.')) + "Z";
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  return stamp;
}

}  // namespace govctl::cli
