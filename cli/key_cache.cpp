#include "cli/key_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "common/api/fields.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

using api::Json;

// FNV-1a: a short name for a file; what the file is of stands in it.
std::uint64_t folded(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace

KeyCache::KeyCache(const std::string& runtime_dir, const std::string& socket, const std::string& agent)
    : directory_(runtime_dir + "/env"), of_(socket + " " + agent) {
  file_ = fmt::format("{}/{:016x}.key", directory_, folded(of_));
}

std::optional<CachedKey> KeyCache::read() const {
  const int fd = open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  struct stat seen{};
  std::string text(4096, '\0');
  const bool own =
      fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode) && seen.st_uid == geteuid() && (seen.st_mode & 077) == 0;
  const ssize_t size = own ? ::read(fd, text.data(), text.size()) : -1;
  close(fd);
  if (size <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(size));
  const Json json = Json::parse(text, nullptr, false);
  const auto field = [&](const char* name) {
    const auto at = json.find(name);
    return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  if (!json.is_object() || field("of") != of_) return std::nullopt;
  CachedKey key{field("id"), field("key")};
  if (key.id.empty() || key.secret.empty()) return std::nullopt;
  return key;
}

Result<void> KeyCache::write(const CachedKey& key) const {
  // Whoever owned the directory above could put another in this one's place.
  for (const auto& directory : {directory_.substr(0, directory_.rfind('/')), directory_}) {
    if (auto made = ensure_private_dir(directory); !made) return made;
  }
  const std::string fresh = fmt::format("{}.{}", file_, getpid());
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  const std::string text = Json{{"of", of_}, {"id", key.id}, {"key", key.secret}}.dump() + "\n";
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (written && rename(fresh.c_str(), file_.c_str()) == 0) return {};
  const int why = errno;
  unlink(fresh.c_str());
  return fail(Code::internal, fmt::format("{} cannot be written: {}", file_, strerror(why)));
}

}  // namespace govctl::cli
