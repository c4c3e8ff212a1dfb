#pragma once
// The master key, each org's key file and data keys, and the signing key (60-security.md "Secrets"). Keys lie
// outside the data directory. The master key persists from the first start on; it is never made anew over
// existing data.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/id.h"

namespace govctl::secrets {

// Bytes that cannot be copied or printed and wipe themselves.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size) : bytes_(size) {}
  explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
  ~Secret();
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  Secret& operator=(Secret&& other) noexcept;
  [[nodiscard]] std::span<std::uint8_t> bytes() { return bytes_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] std::string_view reveal() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  void wipe();
  std::vector<std::uint8_t> bytes_;
};

// From the kernel.
void random_bytes(std::span<std::uint8_t> out);

// What a ciphertext is bound to: moved to another org, provider or row it does not open.
struct Binding {
  OrgId org;
  std::string provider;
  Uuid row{};
  std::int64_t data_key_id = 0;
};

// One org's open data key.
class DataKey {
 public:
  explicit DataKey(Secret key) : key_(std::move(key)) {}
  // nonce (96 bits, random) || ciphertext || tag: AES-256-GCM, the binding as additional data with a format
  // version.
  [[nodiscard]] std::vector<std::uint8_t> seal(const Secret& plain, const Binding& binding) const;
  // corrupt when it does not authenticate.
  [[nodiscard]] Result<Secret> open(std::span<const std::uint8_t> sealed, const Binding& binding) const;

 private:
  Secret key_;
};

// Where the master key comes from.
enum class MasterSource : std::uint8_t { file, credential, passphrase };
std::string_view master_source_word(MasterSource source);  // "file", "credential", "passphrase"

// Any thread. A master key is told from others by its fingerprint: 16 hex digits of a hash.
class Keyring {
 public:
  // Loads the master and signing keys from `keys_dir` (files 0400 in a directory 0700, owned by this user), or
  // from systemd's $CREDENTIALS_DIRECTORY (master-key, signing-key) when they are there. A master key that lies
  // under a passphrase is not open yet: the keyring is sealed. `existing_data`: a catalog is there already, so
  // a missing key is not_found, says where it should lie, and nothing is made. no_permission when a file's or
  // the directory's owner or mode is wrong; corrupt when a file has not 32 bytes.
  static Result<std::unique_ptr<Keyring>> open(const std::string& keys_dir, bool existing_data);
  ~Keyring();

  // Makes the org's key file <keys_dir>/org-<id>.key; nothing when it is there.
  Result<void> make_org_key(const OrgId& org) const;
  Result<void> destroy_org_key(const OrgId& org) const;
  // A new data key and its wrapped form: under HKDF(the newest master key, the org's key file), bound to org
  // and id. unavailable while sealed.
  [[nodiscard]] Result<std::pair<DataKey, std::vector<std::uint8_t>>> make_data_key(const OrgId& org,
                                                                                    std::int64_t id) const;
  // Under whichever master key it was wrapped: the current one, the next one of a rotation that is not
  // finished, or a retired one. unavailable while sealed.
  [[nodiscard]] Result<DataKey> unwrap(const OrgId& org, std::int64_t id,
                                       std::span<const std::uint8_t> wrapped) const;

  // --- under a passphrase
  [[nodiscard]] bool sealed() const;
  // Opens every master key that lies under this passphrase. unauthenticated: none does; conflict: not sealed.
  Result<void> unseal(const Secret& passphrase);

  // --- another master key: begin, rewrap all, finish. A crash leaves both keys, and any step can be done
  // again.
  struct Masters {
    MasterSource source = MasterSource::file;
    bool sealed = false, rotating = false;
    std::string current;               // fingerprint; empty while sealed
    std::vector<std::string> retired;  // of open ones
  };
  [[nodiscard]] Masters masters() const;
  // The fingerprint of the master key that wraps it; empty: none that is open.
  [[nodiscard]] std::string master_of(const OrgId& org, std::int64_t id,
                                      std::span<const std::uint8_t> wrapped) const;
  // Makes the next master key, or takes the one of a rotation that was cut. `passphrase`: the key is stored
  // under it only. conflict: the master key is systemd's to give; unavailable: sealed.
  Result<void> begin_rotation(const Secret* passphrase);
  // The same data key under the next master key; empty when that wraps it already.
  [[nodiscard]] Result<std::optional<std::vector<std::uint8_t>>> rewrap(
      const OrgId& org, std::int64_t id, std::span<const std::uint8_t> wrapped) const;
  // The next one becomes the current one; the old one is kept as a retired one, for backups from before, or
  // destroyed. Once every data key is under the next one.
  Result<void> finish_rotation(bool destroy_old);

  // Ed25519 with the signing key, for anchors.
  [[nodiscard]] std::vector<std::uint8_t> sign(std::span<const std::uint8_t> message) const;
  [[nodiscard]] bool verify(std::span<const std::uint8_t> message,
                            std::span<const std::uint8_t> signature) const;

 private:
  struct State;
  explicit Keyring(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace govctl::secrets
