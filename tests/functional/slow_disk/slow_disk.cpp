// Preloaded into govd: while the file that GOVD_DISK_HELD names exists, nothing gets to the disk.

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

namespace {
void wait_for_the_disk() {
  const char* held = std::getenv("GOVD_DISK_HELD");
  while (held != nullptr && ::access(held, F_OK) == 0) ::usleep(1'000);
}
}  // namespace

extern "C" int fdatasync(int fd) {
  using Sync = int (*)(int);
  static const auto real = reinterpret_cast<Sync>(::dlsym(RTLD_NEXT, "fdatasync"));
  wait_for_the_disk();
  return real(fd);
}
