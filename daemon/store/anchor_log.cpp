#include "daemon/store/anchor_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "daemon/store/file_system.h"

namespace govctl::store {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<std::vector<std::uint8_t>> bytes_of_hex(const std::string& text) {
  if (text.size() % 2 != 0) return std::nullopt;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string line_of(const Anchor& anchor) {
  const nlohmann::ordered_json line{{"org", anchor.org.text()},
                                    {"table", std::string(domain::chain_table_name(anchor.table))},
                                    {"seq", anchor.seq},
                                    {"hash", hex(anchor.hash)},
                                    {"sum", anchor.sum},
                                    {"created_at", rfc3339(anchor.created_at)},
                                    {"signature", hex(anchor.signature)}};
  return line.dump() + "\n";
}

std::optional<Anchor> anchor_of(const std::string& line) {
  try {
    const auto json = nlohmann::json::parse(line);
    Anchor anchor;
    const auto org = OrgId::parse(json.at("org").get<std::string>());
    const auto hash = bytes_of_hex(json.at("hash").get<std::string>());
    auto signature = bytes_of_hex(json.at("signature").get<std::string>());
    const auto created_at = parse_rfc3339(json.at("created_at").get<std::string>());
    const auto table = chain_table_of(json.at("table").get<std::string>());
    if (!org || !hash || hash->size() != anchor.hash.size() || !signature || !created_at || !table) {
      return std::nullopt;
    }
    anchor.org = *org;
    anchor.table = *table;
    anchor.seq = json.at("seq").get<std::int64_t>();
    std::ranges::copy(*hash, anchor.hash.begin());
    anchor.sum = json.at("sum").get<std::int64_t>();
    anchor.created_at = *created_at;
    anchor.signature = std::move(*signature);
    return anchor;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<void> unwritable(const std::string& path, int code) {
  return fail(Code::unavailable, fmt::format("{} cannot be written: {}", path, describe_errno(code)));
}

}  // namespace

std::optional<domain::ChainTable> chain_table_of(std::string_view name) {
  for (std::size_t i = 0; i < domain::chain_table_count; ++i) {
    const auto table = static_cast<domain::ChainTable>(i);
    if (domain::chain_table_name(table) == name) return table;
  }
  return std::nullopt;
}

std::string anchor_log_path(const std::string& anchors_dir, const OrgId& org) {
  return fmt::format("{}/{}.log", anchors_dir, org.empty() ? "catalog" : org.text());
}

Result<AnchorLog> read_anchor_log(const std::string& path) {
  AnchorLog log;
  std::error_code code;
  if (!std::filesystem::exists(path, code) && !code) return log;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return fail(Code::unavailable, fmt::format("{} cannot be read", path));
  const std::string text = std::move(content).str();

  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) {
      log.torn = true;
      break;
    }
    ++line_number;
    if (auto anchor = anchor_of(text.substr(at, end - at))) {
      log.anchors.push_back(std::move(*anchor));
    } else if (log.fault.empty()) {
      log.fault = fmt::format("line {} of {} is no anchor", line_number, path);
    }
    at = end + 1;
    log.whole_bytes = at;
  }
  return log;
}

Result<void> append_anchor_log(const std::string& path, const std::vector<Anchor>& anchors) {
  if (anchors.empty()) return {};
  std::string lines;
  for (const Anchor& anchor : anchors) lines += line_of(anchor);
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return unwritable(path, errno);
  const ssize_t written = ::write(fd, lines.data(), lines.size());
  const bool whole = written == static_cast<ssize_t>(lines.size()) && ::fsync(fd) == 0;
  const int code = written >= 0 && written < static_cast<ssize_t>(lines.size()) ? ENOSPC : errno;
  ::close(fd);
  if (!whole) return unwritable(path, code);
  return sync_directory_of(path);
}

Result<void> cut_anchor_log(const std::string& path, std::size_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  const bool cut = fd >= 0 && ::ftruncate(fd, static_cast<off_t>(bytes)) == 0 && ::fsync(fd) == 0;
  const int code = errno;
  if (fd >= 0) ::close(fd);
  if (!cut) return unwritable(path, code);
  return {};
}

}  // namespace govctl::store
