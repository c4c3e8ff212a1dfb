#pragma once
// The master keys on disk: master.key, or under a passphrase master.sealed; the next one of a rotation; retired
// ones, named by their fingerprint. A rotation's steps are ordered so that a crash between any two leaves every
// data key with a master key that opens it:
//   1. the next key is written; from here on new data keys are under it
//   2. every data key is wrapped under it, an org a transaction
//   3. the current key is linked under a retired name; the next key is renamed to the current one's
// Found at a start, a next key without a current one is the current one.

#include <optional>
#include <string>
#include <vector>

#include "daemon/secrets/secrets.h"

namespace govctl::secrets {

// 16 hex digits.
std::string fingerprint(const Secret& key);

struct Master {
  std::string path;
  bool under_passphrase = false;
  Secret key{};  // empty: not open yet
  [[nodiscard]] bool open() const { return !key.empty(); }
};

struct MasterFiles {
  MasterSource source = MasterSource::file;
  Master current;
  std::optional<Master> next;
  std::vector<Master> retired;
};

// As Keyring::open.
Result<MasterFiles> load_masters(const std::string& keys_dir, bool existing_data);
// Opens those that lie under this passphrase; true when one did.
Result<bool> open_masters(MasterFiles& masters, const Secret& passphrase);
// Step 1; nothing where there is a next one.
Result<void> make_next(MasterFiles& masters, const std::string& keys_dir, const Secret* passphrase);
// Step 3.
Result<void> adopt_next(MasterFiles& masters, const std::string& keys_dir, bool destroy_old);

// The key of this name: systemd's credential, else the file, else a new one where nothing depends on an old
// one.
Result<Secret> find_key(const std::string& keys_dir, std::string_view name, bool existing_data);

}  // namespace govctl::secrets
