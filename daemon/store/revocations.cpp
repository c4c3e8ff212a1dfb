#include "daemon/store/revocations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "daemon/store/file_system.h"
#include "daemon/store/keys.h"

namespace govctl::store {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Revocation& revocation) {
  const Json line{
      {"key", revocation.key.text()}, {"revoked_at", rfc3339(revocation.at)}, {"reason", revocation.reason}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Revocation> revocation_of(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto key = KeyId::parse(text("key"));
  const auto at = parse_rfc3339(text("revoked_at"));
  if (!key || !at) return std::nullopt;
  return Revocation{*key, *at, text("reason")};
}

Revocation revocation_of(const domain::ApiKey& key) { return {key.id, *key.revoked_at, key.revoke_reason}; }

}  // namespace

std::string revocations_path(const std::string& anchors_dir, const OrgId& org) {
  return fmt::format("{}/{}.revoked", anchors_dir, org.text());
}

Result<std::vector<Revocation>> read_revocations(const std::string& path) {
  std::vector<Revocation> all;
  std::error_code code;
  if (!std::filesystem::exists(path, code) && !code) return all;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::unavailable, fmt::format("{} cannot be read", path));
  for (std::string line; std::getline(file, line);) {
    if (auto revocation = revocation_of(line)) all.push_back(std::move(*revocation));
  }
  return all;
}

Result<void> append_revocations(const std::string& path, const std::vector<Revocation>& revoked) {
  if (revoked.empty()) return {};
  // A line break first where a crash tore the last line.
  std::string lines;
  for (const Revocation& revocation : revoked) lines += line_of(revocation);
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    const off_t size = ::lseek(fd, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n') lines.insert(0, "\n");
  }
  const bool whole = fd >= 0 && ::write(fd, lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
                     ::fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (!whole)
    return fail(Code::unavailable, fmt::format("{} cannot be written: {}", path, describe_errno(code)));
  return sync_directory_of(path);
}

std::vector<Revocation> revoked_between(const domain::OrgConfig& before, const domain::OrgConfig& now,
                                        Timestamp at) {
  std::vector<Revocation> revoked;
  for (const auto& old : before.keys) {
    if (old.revoked_at) continue;
    const auto found = std::ranges::find(now.keys, old.id, &domain::ApiKey::id);
    if (found == now.keys.end()) {
      revoked.push_back({old.id, at, "its agent was deleted"});
    } else if (found->revoked_at) {
      revoked.push_back(revocation_of(*found));
    }
  }
  return revoked;
}

Result<void> mend_revocations(const std::string& path, const domain::OrgConfig& config) {
  auto known = read_revocations(path);
  if (!known) return std::unexpected(known.error());
  std::vector<Revocation> missing;
  for (const auto& key : config.keys) {
    if (key.revoked_at && std::ranges::find(*known, key.id, &Revocation::key) == known->end()) {
      missing.push_back(revocation_of(key));
    }
  }
  return append_revocations(path, missing);
}

Result<std::int64_t> apply_revocations(Transaction& tx, const std::vector<Revocation>& revoked) {
  std::int64_t applied = 0;
  for (const Revocation& revocation : revoked) {
    auto key = find_key(tx.connection(), revocation.key);
    if (!key) return std::unexpected(key.error());
    if (!*key || ((*key)->revoked_at && *(*key)->revoked_at <= revocation.at)) continue;
    (*key)->revoked_at = revocation.at;
    (*key)->revoke_reason = revocation.reason;
    if (auto done = update_key(tx, **key); !done) return std::unexpected(done.error());
    ++applied;
  }
  return applied;
}

}  // namespace govctl::store
