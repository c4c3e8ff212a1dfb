#pragma once
// The master key, each org's key file and data keys, and the signing key (60-security.md "Secrets"). Keys lie
// outside the data directory. The master key persists from the first start on; it is never made anew over
// existing data.

#include <cstdint>
#include <memory>
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

class Keyring {
 public:
  // Loads the master and signing keys from `keys_dir` (files 0400 in a directory 0700, owned by this user), or
  // from systemd's $CREDENTIALS_DIRECTORY (master-key, signing-key) when they are there. `existing_data`: a
  // catalog is there already, so a missing key is not_found, says where it should lie, and nothing is made.
  // no_permission when a file's or the directory's owner or mode is wrong; corrupt when a file has not 32
  // bytes.
  static Result<std::unique_ptr<Keyring>> open(const std::string& keys_dir, bool existing_data);
  ~Keyring();

  // Makes the org's key file <keys_dir>/org-<id>.key; nothing when it is there.
  Result<void> make_org_key(const OrgId& org) const;
  Result<void> destroy_org_key(const OrgId& org) const;
  // A new data key and its wrapped form: under HKDF(master key, the org's key file), bound to org and id.
  [[nodiscard]] Result<std::pair<DataKey, std::vector<std::uint8_t>>> make_data_key(const OrgId& org,
                                                                                    std::int64_t id) const;
  [[nodiscard]] Result<DataKey> unwrap(const OrgId& org, std::int64_t id,
                                       std::span<const std::uint8_t> wrapped) const;

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
