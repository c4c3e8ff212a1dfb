#pragma once
// What a backup holds: its files with their digests and where their chains stood. It is the archive's last file
// but for its own signature, which makes the archive whole or not a backup.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/archive.h"
#include "daemon/store/writer.h"

namespace govctl::store {

constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view manifest_signature_name = "manifest.sig";
constexpr std::int64_t backup_format = 1;
// In the catalog's settings: how often this state was restored.
constexpr std::string_view epoch_setting = "epoch";

struct BackupFile {
  std::string name;  // below the state directory: "catalog.db", "orgs/<id>.db", "anchors/<id>.log"
  Digest digest;
  std::string slug{};  // of an org's database
  OrgId org{};
  bool deleted = false;  // its database lay in trash/
  bool chained = false;  // a database: heads are set
  Heads heads{};
};

struct BackupManifest {
  std::string version;     // govd's
  std::string one_org{};   // the slug, when it is one org's alone and has no catalog
  Timestamp created_at;    // when it was begun
  std::int64_t epoch = 0;  // how often what it was taken of had been restored
  std::string keys_dir;    // where the keys that it needs lay: they are not in it
  std::vector<BackupFile> files;
  std::vector<std::string> left_out;  // slugs of orgs whose files could not be read
};

std::string encode(const BackupManifest& manifest);
// invalid: it is none, or of a later format.
Result<BackupManifest> decode_manifest(std::string_view text);
// Whether a backup may hold a file of this name.
bool is_backup_name(std::string_view name);

}  // namespace govctl::store
