#include "daemon/store/backup_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/store/anchor_log.h"

namespace govctl::store {
namespace {

using Json = nlohmann::ordered_json;

std::string hex(const domain::Hash& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

// Throws like nlohmann does on what is no hash.
domain::Hash hash_of(const std::string& text) {
  domain::Hash hash{};
  if (text.size() != 2 * hash.size()) throw std::invalid_argument("no hash");
  for (std::size_t i = 0; i < hash.size(); ++i) {
    hash[i] = static_cast<std::uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return hash;
}

Json heads_json(const Heads& heads) {
  Json all = Json::object();
  for (std::size_t i = 0; i < domain::chain_table_count; ++i) {
    const auto name = std::string(domain::chain_table_name(static_cast<domain::ChainTable>(i)));
    all[name] = {{"seq", heads.chain[i].seq}, {"hash", hex(heads.chain[i].hash)}, {"sum", heads.sum[i]}};
  }
  return all;
}

Heads heads_of(const Json& json) {
  Heads heads;
  for (const auto& [name, head] : json.items()) {
    const auto table = chain_table_of(name);
    if (!table) throw std::invalid_argument("no table");
    const auto i = static_cast<std::size_t>(*table);
    heads.chain[i] = {head.at("seq").get<std::int64_t>(), hash_of(head.at("hash").get<std::string>())};
    heads.sum[i] = head.at("sum").get<std::int64_t>();
  }
  return heads;
}

BackupFile file_of(const Json& json) {
  BackupFile file;
  file.name = json.at("name").get<std::string>();
  file.digest = {json.at("bytes").get<std::int64_t>(), json.at("sha256").get<std::string>()};
  file.slug = json.value("slug", std::string());
  file.deleted = json.value("deleted", false);
  if (const auto id = OrgId::parse(json.value("org", std::string()))) file.org = *id;
  file.chained = json.contains("heads");
  if (file.chained) file.heads = heads_of(json.at("heads"));
  if (!is_backup_name(file.name)) throw std::invalid_argument("no name");
  return file;
}

bool is_id(std::string_view text) { return OrgId::parse(text).has_value(); }

}  // namespace

std::string encode(const BackupManifest& manifest) {
  Json files = Json::array();
  for (const BackupFile& file : manifest.files) {
    Json one{{"name", file.name}, {"bytes", file.digest.bytes}, {"sha256", file.digest.sha256}};
    if (!file.org.empty()) one["org"] = file.org.text();
    if (!file.slug.empty()) one["slug"] = file.slug;
    if (file.deleted) one["deleted"] = true;
    if (file.chained) one["heads"] = heads_json(file.heads);
    files.push_back(std::move(one));
  }
  const Json json{{"format", backup_format},       {"govd", manifest.version},
                  {"one_org", manifest.one_org},   {"created_at", rfc3339(manifest.created_at)},
                  {"epoch", manifest.epoch},       {"keys_dir", manifest.keys_dir},
                  {"left_out", manifest.left_out}, {"files", std::move(files)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<BackupManifest> decode_manifest(std::string_view text) {
  const auto refused = [] { return fail(Code::invalid, "the backup's manifest is not one of govd's"); };
  try {
    const Json json = Json::parse(text);
    if (json.at("format").get<std::int64_t>() > backup_format) {
      return fail(Code::invalid, fmt::format("the backup was made by a newer govd ({})",
                                             json.value("govd", std::string("unknown"))));
    }
    BackupManifest manifest;
    manifest.version = json.at("govd").get<std::string>();
    manifest.one_org = json.at("one_org").get<std::string>();
    const auto at = parse_rfc3339(json.at("created_at").get<std::string>());
    if (!at) return refused();
    manifest.created_at = *at;
    manifest.epoch = json.at("epoch").get<std::int64_t>();
    manifest.keys_dir = json.at("keys_dir").get<std::string>();
    manifest.left_out = json.at("left_out").get<std::vector<std::string>>();
    for (const Json& file : json.at("files")) manifest.files.push_back(file_of(file));
    return manifest;
  } catch (const std::exception&) {
    return refused();
  }
}

bool is_backup_name(std::string_view name) {
  if (name == manifest_name || name == manifest_signature_name || name == "catalog.db") return true;
  const auto within = [&](std::string_view folder, std::string_view suffix, auto&& stem_admitted) {
    if (!name.starts_with(folder) || !name.ends_with(suffix)) return false;
    if (name.size() <= folder.size() + suffix.size()) return false;
    return stem_admitted(name.substr(folder.size(), name.size() - folder.size() - suffix.size()));
  };
  const auto org_or_catalog = [](std::string_view stem) { return stem == "catalog" || is_id(stem); };
  return within("orgs/", ".db", is_id) || within("trash/", ".db", is_id) ||
         within("anchors/", ".log", org_or_catalog) || within("anchors/", ".revoked", is_id);
}

}  // namespace govctl::store
