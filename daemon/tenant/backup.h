#pragma once
// A backup of a serving daemon (30-ledger.md "Backup"): every database by SQLite's backup API, the catalog
// after the orgs, the anchors and the journals of revoked keys beside them, a signed manifest of chain heads;
// no keys.

#include <memory>
#include <string>

#include "daemon/store/backup_manifest.h"
#include "daemon/tenant/registry.h"

namespace govctl::tenant {

struct BackupWish {
  std::string state_dir, keys_dir;
  std::shared_ptr<Tenant> only;  // null: all orgs and the catalog
  std::string version;           // govd's
};

// A file that has no name any more: gone when this is.
class BackupArchive {
 public:
  explicit BackupArchive(int fd) : fd_(fd) {}
  ~BackupArchive();
  BackupArchive(const BackupArchive&) = delete;
  BackupArchive& operator=(const BackupArchive&) = delete;

  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] const store::BackupManifest& manifest() const { return manifest_; }
  void whole(std::int64_t bytes, store::BackupManifest manifest) {
    bytes_ = bytes;
    manifest_ = std::move(manifest);
  }
  // Up to `most` bytes from `offset` on; any thread.
  [[nodiscard]] Result<std::string> read(std::int64_t offset, std::size_t most) const;

 private:
  int fd_;
  std::int64_t bytes_ = 0;
  store::BackupManifest manifest_;
};

// Blocking, in the pool. What was charged before it is asked for is in it. An org whose file cannot be read is
// left out and named in the manifest. unavailable: no room beside the databases for the archive and a copy of
// the largest of them.
Result<std::shared_ptr<BackupArchive>> make_backup(const Registry& registry, const BackupWish& wish);

// What crashed backups have left in the state directory is removed; before anything is served.
void sweep_backups(const std::string& state_dir);

}  // namespace govctl::tenant
