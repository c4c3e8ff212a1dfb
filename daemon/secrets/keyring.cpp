#include <cryptopp/hkdf.h>
#include <cryptopp/osrng.h>
#include <cryptopp/sha.h>
#include <cryptopp/xed25519.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "common/paths.h"
#include "daemon/secrets/envelope.h"
#include "daemon/secrets/key_file.h"

namespace govctl::secrets {
namespace {

Secret random_key() {
  Secret key(key_size);
  random_bytes(key.bytes());
  return key;
}

Result<Secret> make_key(const std::string& path) {
  Secret key = random_key();
  if (auto written = write_key_file(path, key); !written) return std::unexpected(written.error());
  return key;
}

// The key of this name: systemd's credential, else the file, else a new one where nothing depends on an old
// one.
Result<Secret> find_key(const std::string& keys_dir, std::string_view name, bool existing_data) {
  if (const char* given = std::getenv("CREDENTIALS_DIRECTORY"); given != nullptr && *given != '\0') {
    auto key = read_given_key(fmt::format("{}/{}-key", given, name));
    if (key || key.error().code != Code::not_found) return key;
  }
  const std::string path = fmt::format("{}/{}.key", keys_dir, name);
  auto key = read_key_file(path);
  if (key || key.error().code != Code::not_found) return key;
  if (existing_data) {
    return fail(Code::not_found,
                fmt::format("the {} key of the existing data is missing: put it back at {}", name, path));
  }
  return make_key(path);
}

Additional wrap_binding(const OrgId& org, std::int64_t id) {
  Additional data("govctl data key 1");  // 1: the format's version
  data.uuid(org.bytes).integer(id);
  return data;
}

}  // namespace

struct Keyring::State {
  std::string keys_dir;
  Secret master;
  CryptoPP::ed25519::Signer signer;
  CryptoPP::ed25519::Verifier verifier;

  [[nodiscard]] std::string org_key_path(const OrgId& org) const {
    return fmt::format("{}/org-{}.key", keys_dir, org.text());
  }
  // What wraps the org's data keys: both the master key and the org's key file are needed.
  [[nodiscard]] Result<Secret> wrapping_key(const OrgId& org) const {
    auto org_key = read_key_file(org_key_path(org));
    if (!org_key) return org_key;
    Secret wrapping(key_size);
    const Additional info = wrap_binding(org, 0);
    CryptoPP::HKDF<CryptoPP::SHA256>().DeriveKey(
        wrapping.bytes().data(), wrapping.bytes().size(), master.bytes().data(), master.bytes().size(),
        org_key->bytes().data(), org_key->bytes().size(), info.bytes().data(), info.bytes().size());
    return wrapping;
  }
};

Keyring::Keyring(std::unique_ptr<State> state) : state_(std::move(state)) {}
Keyring::~Keyring() = default;

Result<std::unique_ptr<Keyring>> Keyring::open(const std::string& keys_dir, bool existing_data) {
  std::error_code code;
  if (!std::filesystem::exists(keys_dir, code)) {
    if (existing_data) {
      return fail(Code::not_found,
                  fmt::format("the keys of the existing data are missing: put them back into {}", keys_dir));
    }
    if (auto made = ensure_private_dir(keys_dir); !made) return std::unexpected(made.error());
  }
  if (auto safe = check_key_directory(keys_dir); !safe) return std::unexpected(safe.error());
  auto master = find_key(keys_dir, "master", existing_data);
  if (!master) return std::unexpected(master.error());
  auto signing = find_key(keys_dir, "signing", existing_data);
  if (!signing) return std::unexpected(signing.error());

  auto state = std::make_unique<State>();
  state->keys_dir = keys_dir;
  state->master = std::move(*master);
  state->signer = CryptoPP::ed25519::Signer(signing->bytes().data());
  state->verifier = CryptoPP::ed25519::Verifier(state->signer);
  return std::unique_ptr<Keyring>(new Keyring(std::move(state)));
}

Result<void> Keyring::make_org_key(const OrgId& org) const {
  const std::string path = state_->org_key_path(org);
  if (auto there = read_key_file(path); there || there.error().code != Code::not_found) {
    if (!there) return std::unexpected(there.error());
    return {};
  }
  return write_key_file(path, random_key());
}

Result<void> Keyring::destroy_org_key(const OrgId& org) const {
  return destroy_key_file(state_->org_key_path(org));
}

Result<std::pair<DataKey, std::vector<std::uint8_t>>> Keyring::make_data_key(const OrgId& org,
                                                                             std::int64_t id) const {
  const auto wrapping = state_->wrapping_key(org);
  if (!wrapping) return std::unexpected(wrapping.error());
  Secret key = random_key();
  std::vector<std::uint8_t> wrapped = seal(*wrapping, key.bytes(), wrap_binding(org, id).bytes());
  return std::pair<DataKey, std::vector<std::uint8_t>>(DataKey(std::move(key)), std::move(wrapped));
}

Result<DataKey> Keyring::unwrap(const OrgId& org, std::int64_t id,
                                std::span<const std::uint8_t> wrapped) const {
  const auto wrapping = state_->wrapping_key(org);
  if (!wrapping) return std::unexpected(wrapping.error());
  auto key = secrets::open(*wrapping, wrapped, wrap_binding(org, id).bytes());
  if (!key) return std::unexpected(key.error());
  if (key->bytes().size() != key_size) return fail(Code::corrupt, "a data key has the wrong length");
  return DataKey(std::move(*key));
}

std::vector<std::uint8_t> Keyring::sign(std::span<const std::uint8_t> message) const {
  std::vector<std::uint8_t> signature(state_->signer.SignatureLength());
  state_->signer.SignMessage(CryptoPP::NullRNG(), message.data(), message.size(), signature.data());
  return signature;
}

bool Keyring::verify(std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) const {
  if (signature.size() != state_->verifier.SignatureLength()) return false;
  return state_->verifier.VerifyMessage(message.data(), message.size(), signature.data(), signature.size());
}

}  // namespace govctl::secrets
