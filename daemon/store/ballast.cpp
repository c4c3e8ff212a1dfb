#include "daemon/store/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/file_system.h"
#include "daemon/telemetry/log.h"

namespace govctl::store {

void Ballast::take(std::int64_t spare) {
  const std::scoped_lock lock(mutex_);
  if (taken_ || bytes_ == 0) return;
  struct stat facts{};
  if (::stat(path_.c_str(), &facts) == 0 && facts.st_size >= bytes_) {  // of an earlier run
    taken_ = true;
    return;
  }
  const auto room = free_bytes(path_);
  if (!room || *room < spare + bytes_) return;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  taken_ = ::posix_fallocate(fd, 0, bytes_) == 0;
  ::close(fd);
  if (!taken_) ::unlink(path_.c_str());
}

bool Ballast::release() {
  const std::scoped_lock lock(mutex_);
  if (!taken_ || ::unlink(path_.c_str()) != 0) return false;
  taken_ = false;
  log::warn("the disk is full: room that was kept for settlements is given back", {{log::Field::file, path_}});
  return true;
}

}  // namespace govctl::store
