#pragma once
// What an operator of the daemon does and sees: its secrets, its health, its backups.

#include "common/api/fields.h"

namespace govctl::api {

struct OrgSecrets {
  std::string org;
  std::int64_t data_key = 0, data_keys = 0, credentials = 0, behind = 0;
  std::optional<std::string> master;
  static constexpr auto fields() {
    return std::tuple{
        field("org", &OrgSecrets::org),
        field("data_key", &OrgSecrets::data_key, "the one that new credentials are encrypted under"),
        field("data_keys", &OrgSecrets::data_keys, "retired ones, too"),
        field("credentials", &OrgSecrets::credentials),
        field("behind", &OrgSecrets::behind, "credentials under a retired data key"),
        field("master", &OrgSecrets::master,
              "fingerprint of the master key that wraps it; null: none that is open")};
  }
};
struct SecretsStatus {
  bool sealed = false, rotating = false;
  std::string source;
  std::optional<std::string> master;
  std::vector<std::string> retired;
  std::string keys_dir;
  std::vector<OrgSecrets> orgs;
  static constexpr auto fields() {
    return std::tuple{
        field("sealed", &SecretsStatus::sealed, "the master key lies under a passphrase that nobody has given"),
        field("rotating", &SecretsStatus::rotating,
              "a rotation of the master key was cut: rotate-kek goes on with it"),
        field("source", &SecretsStatus::source, "file, credential or passphrase"),
        field("master", &SecretsStatus::master, "fingerprint of the master key; null while sealed"),
        field("retired", &SecretsStatus::retired, "fingerprints of older ones, kept for old backups"),
        field("keys_dir", &SecretsStatus::keys_dir),
        field("orgs", &SecretsStatus::orgs)};
  }
};
struct MasterRotate {
  std::optional<std::string> secret;
  std::optional<bool> destroy_old;
  static constexpr auto fields() {
    return std::tuple{
        field("secret", &MasterRotate::secret, "a passphrase: the new key is stored under it only"),
        field("destroy_old", &MasterRotate::destroy_old,
              "backups from before cannot open their credentials then")};
  }
};
struct MasterRotated {
  std::string previous, current;
  std::int64_t orgs = 0, data_keys = 0;
  std::vector<std::string> left_out;
  bool old_destroyed = false;
  static constexpr auto fields() {
    return std::tuple{field("previous", &MasterRotated::previous, "fingerprint"),
                      field("current", &MasterRotated::current, "fingerprint"),
                      field("orgs", &MasterRotated::orgs),
                      field("data_keys", &MasterRotated::data_keys, "wrapped anew"),
                      field("left_out", &MasterRotated::left_out,
                            "orgs whose files could not be written; the old key is kept"),
                      field("old_destroyed", &MasterRotated::old_destroyed)};
  }
};
struct DataKeyRotated {
  std::string org;
  std::int64_t data_key = 0, credentials = 0;
  static constexpr auto fields() {
    return std::tuple{field("org", &DataKeyRotated::org),
                      field("data_key", &DataKeyRotated::data_key, "the new one"),
                      field("credentials", &DataKeyRotated::credentials, "encrypted anew")};
  }
};
struct Unseal {
  std::string secret;
  static constexpr auto fields() { return std::tuple{field("secret", &Unseal::secret, "the passphrase")}; }
};
struct Unsealed {
  std::int64_t orgs = 0;
  std::vector<std::string> left_out;
  static constexpr auto fields() {
    return std::tuple{
        field("orgs", &Unsealed::orgs, "whose credentials can be used now"),
        field("left_out", &Unsealed::left_out, "orgs whose data keys are under another master key")};
  }
};

// One thing that was looked at.
struct Check {
  std::string check, state, why;
  std::optional<std::string> fix;
  static constexpr auto fields() {
    return std::tuple{field("check", &Check::check),
                      field("state", &Check::state, "ok, note, warn, FAULT, mended"), field("why", &Check::why),
                      field("fix", &Check::fix, "a command")};
  }
};
struct Doctor {
  std::vector<Check> checks;
  static constexpr auto fields() { return std::tuple{field("checks", &Doctor::checks)}; }
};

struct BackupPlan {
  std::string scope;
  std::vector<std::string> orgs, left_out;
  std::int64_t bytes = 0;
  static constexpr auto fields() {
    return std::tuple{field("scope", &BackupPlan::scope, "platform, or an org's slug"),
                      field("orgs", &BackupPlan::orgs),
                      field("left_out", &BackupPlan::left_out, "orgs whose files cannot be read"),
                      field("bytes", &BackupPlan::bytes, "of the databases")};
  }
};

}  // namespace govctl::api
