#include "daemon/store/file_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {
constexpr int slice_pages = 512;  // 2 MiB of 4 KiB pages
}

FileCopy::FileCopy(Connection& source, std::string to)
    : to_(std::move(to)), target_(to_, SQLite::OPEN_READWRITE), backup_(target_, source.database()) {}

Result<std::unique_ptr<FileCopy>> FileCopy::begin(Connection& source, const std::string& to) {
  const int fd = ::open(to.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail(errno == EEXIST ? Code::conflict : Code::unavailable,
                fmt::format("{} cannot be made: {}", to, describe_errno(errno)));
  }
  ::close(fd);
  return guarded([&]() -> Result<std::unique_ptr<FileCopy>> {
    std::unique_ptr<FileCopy> copy(new FileCopy(source, to));
    // A copy that is not whole is thrown away, and a whole one is synced by its maker.
    copy->target_.exec("PRAGMA synchronous = OFF");
    return copy;
  });
}

Result<bool> FileCopy::step() {
  return guarded([&]() -> Result<bool> { return backup_.executeStep(slice_pages) == SQLITE_DONE; });
}

}  // namespace govctl::store
