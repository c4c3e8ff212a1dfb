#include "daemon/store/file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace govctl::store {
namespace {

struct NetworkFileSystem {
  std::uint64_t magic;
  std::string_view name;
};
// statfs(2) and linux/magic.h; 9p is also how WSL2 shows the Windows drives.
constexpr std::array network{
    NetworkFileSystem{0x6969, "nfs"},        NetworkFileSystem{0x517b, "smb"},
    NetworkFileSystem{0xfe534d42, "smb2"},   NetworkFileSystem{0xff534d42, "cifs"},
    NetworkFileSystem{0x65735546, "fuse"},   NetworkFileSystem{0x01021997, "9p"},
    NetworkFileSystem{0x5346414f, "afs"},    NetworkFileSystem{0x6b414653, "afs"},
    NetworkFileSystem{0x73757245, "coda"},   NetworkFileSystem{0x00c36400, "ceph"},
    NetworkFileSystem{0x0bd00bd0, "lustre"}, NetworkFileSystem{0x47504653, "gpfs"},
    NetworkFileSystem{0x7461636f, "ocfs2"},  NetworkFileSystem{0x01161970, "gfs2"},
    NetworkFileSystem{0x786f4256, "vboxsf"}, NetworkFileSystem{0xaad7aaea, "panfs"},
    NetworkFileSystem{0x19830326, "beegfs"},
};
// FUSE file systems over a local disk or directory.
constexpr std::array<std::string_view, 3> local_fuse{"fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs"};

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// The third word of a line is "major:minor", the first after " - " the type (proc(5)).
std::string mount_type(const std::string& directory) {
  struct stat facts{};
  if (::stat(directory.c_str(), &facts) != 0) return {};
  const std::string device = fmt::format("{}:{}", major(facts.st_dev), minor(facts.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, at;
    words >> id >> parent >> at;
    const std::size_t dash = line.find(" - ");
    if (at != device || dash == std::string::npos) continue;
    std::istringstream rest(line.substr(dash + 3));
    std::string type;
    rest >> type;
    return type;
  }
  return {};
}

}  // namespace

std::string_view network_file_system(std::uint64_t magic, std::string_view type) {
  if (std::ranges::find(local_fuse, type) != local_fuse.end()) return {};
  const auto* found = std::ranges::find(network, magic, &NetworkFileSystem::magic);
  return found == network.end() ? std::string_view{} : found->name;
}

Result<void> refuse_network_file_system(const std::string& path) {
  const std::string directory = directory_of(path);
  struct statfs facts{};
  if (::statfs(directory.c_str(), &facts) != 0) {
    return fail(Code::unavailable, fmt::format("{} cannot be used: {}", directory, describe_errno(errno)));
  }
  // f_type is signed and 32 bits wide in what the kernel knows.
  const auto magic = static_cast<std::uint32_t>(facts.f_type);
  if (network_file_system(magic, {}).empty()) return {};
  const std::string_view name = network_file_system(magic, mount_type(directory));
  if (name.empty()) return {};
  return fail(
      Code::invalid,
      fmt::format("{} lies on a network file system ({}), where locks and syncs cannot be trusted: use a "
                  "local disk",
                  directory, name));
}

Result<std::int64_t> free_bytes(const std::string& path) {
  struct statvfs facts{};
  if (::statvfs(directory_of(path).c_str(), &facts) != 0) {
    return fail(Code::unavailable, fmt::format("{} cannot be used: {}", path, describe_errno(errno)));
  }
  return static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
}

bool FreeSpace::left() {
  const std::int64_t now = clock_.steady_micros();
  if (asked_ != 0 && now - asked_ < micros_per_second) return left_;
  asked_ = now;
  const auto room = free_bytes(path_);
  left_ = !room || *room >= least_;
  return left_;
}

Result<void> sync_directory_of(const std::string& path) {
  const std::string directory = directory_of(path);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (!synced)
    return fail(Code::unavailable, fmt::format("{} cannot be synced: {}", directory, describe_errno(code)));
  return {};
}

Result<void> sync_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (!synced)
    return fail(Code::unavailable, fmt::format("{} cannot be synced: {}", path, describe_errno(code)));
  return sync_directory_of(path);
}

std::string describe_errno(int code) { return std::generic_category().message(code); }

}  // namespace govctl::store
