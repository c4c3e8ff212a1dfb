#include "daemon/secrets/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/descriptor.h"
#include "daemon/secrets/envelope.h"

namespace govctl::secrets {
namespace {

std::unexpected<Error> failed(const std::string& path, std::string_view what, int code) {
  return fail(Code::unavailable,
              fmt::format("{} cannot be {}: {}", path, what, std::generic_category().message(code)));
}

Result<void> sync_directory(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return failed(directory, "synced", errno);
  return {};
}

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

Result<Secret> read_at_most(int fd, const std::string& path, std::size_t most) {
  Secret buffer(most);
  std::size_t got = 0;
  while (got < buffer.bytes().size()) {
    const ssize_t n = ::read(fd, buffer.bytes().data() + got, buffer.bytes().size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(path, "read", errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return Secret(buffer.reveal().substr(0, got));
}

// One byte more is asked for than a key has, so that a longer file is noticed.
Result<Secret> read_32(int fd, const std::string& path) {
  auto key = read_at_most(fd, path, key_size + 1);
  if (key && key->bytes().size() != key_size) {
    return fail(Code::corrupt, fmt::format("{} is not a key: it has not {} bytes", path, key_size));
  }
  return key;
}

Result<void> check_key_file(int fd, const std::string& path) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return failed(path, "read", errno);
  if (!S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & 07377) != 0) {
    return fail(Code::no_permission,
                fmt::format("{} is a key and must be this user's own file with mode 0400", path),
                fmt::format("chmod 400 {}", path));
  }
  return {};
}

// A crash in between leaves no half key under the key's own name; link() never replaces what is there.
Result<void> write_whole(const std::string& path, std::span<const std::uint8_t> bytes) {
  const std::string unfinished = path + ".part";
  ::unlink(unfinished.c_str());
  const Descriptor fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
  if (!fd) return failed(path, "made", errno);
  const bool written = write_all(fd.get(), bytes) && ::fchmod(fd.get(), 0400) == 0 && ::fsync(fd.get()) == 0;
  const bool named = written && ::link(unfinished.c_str(), path.c_str()) == 0;
  const int code = errno;
  ::unlink(unfinished.c_str());
  if (!named) {
    if (written && code == EEXIST) return fail(Code::conflict, fmt::format("there is a key {} already", path));
    return failed(path, "made", code);
  }
  return sync_directory(path);
}

}  // namespace

Result<void> check_key_directory(const std::string& directory) {
  struct stat facts{};
  if (::stat(directory.c_str(), &facts) != 0) return failed(directory, "used", errno);
  if (!S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & 077) != 0) {
    return fail(Code::no_permission,
                fmt::format("{} holds keys and must be this user's own directory with mode 0700", directory),
                fmt::format("chmod 700 {}", directory));
  }
  return {};
}

Result<Secret> read_key_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return fail(Code::not_found, fmt::format("there is no key {}", path));
    return failed(path, "read", errno);
  }
  if (auto safe = check_key_file(fd.get(), path); !safe) return std::unexpected(safe.error());
  return read_32(fd.get(), path);
}

Result<Secret> read_given_key(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return fail(Code::not_found, fmt::format("there is no key {}", path));
    return failed(path, "read", errno);
  }
  return read_32(fd.get(), path);
}

Result<void> write_key_file(const std::string& path, const Secret& key) {
  return write_whole(path, key.bytes());
}

Result<std::vector<std::uint8_t>> read_sealed_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return fail(Code::not_found, fmt::format("there is no key {}", path));
    return failed(path, "read", errno);
  }
  if (auto safe = check_key_file(fd.get(), path); !safe) return std::unexpected(safe.error());
  auto content = read_at_most(fd.get(), path, 4096);
  if (!content) return std::unexpected(content.error());
  return std::vector<std::uint8_t>(content->bytes().begin(), content->bytes().end());
}

Result<void> write_sealed_file(const std::string& path, std::span<const std::uint8_t> sealed) {
  return write_whole(path, sealed);
}

Result<void> keep_key_file_as(const std::string& path, const std::string& to) {
  if (::link(path.c_str(), to.c_str()) != 0 && errno != EEXIST) return failed(to, "made", errno);
  return sync_directory(to);
}

Result<void> rename_key_file(const std::string& path, const std::string& to) {
  if (::rename(path.c_str(), to.c_str()) != 0) return failed(to, "made", errno);
  return sync_directory(to);
}

Result<void> destroy_key_file(const std::string& path) {
  // The bytes are overwritten as far as the file system lets a file be overwritten in place.
  if (::chmod(path.c_str(), 0600) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, "removed", errno);
  }
  {
    const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd || !write_all(fd.get(), Secret(key_size).bytes()) || ::fsync(fd.get()) != 0) {
      return failed(path, "removed", errno);
    }
  }
  if (::unlink(path.c_str()) != 0) return failed(path, "removed", errno);
  return sync_directory(path);
}

}  // namespace govctl::secrets
