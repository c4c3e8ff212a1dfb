#include <cryptopp/hkdf.h>
#include <cryptopp/osrng.h>
#include <cryptopp/sha.h>
#include <cryptopp/xed25519.h>
#include <fmt/format.h>

#include <filesystem>
#include <mutex>
#include <shared_mutex>

#include "common/paths.h"
#include "daemon/secrets/envelope.h"
#include "daemon/secrets/key_file.h"
#include "daemon/secrets/masters.h"

namespace govctl::secrets {
namespace {

Secret random_key() {
  Secret key(key_size);
  random_bytes(key.bytes());
  return key;
}

Additional wrap_binding(const OrgId& org, std::int64_t id) {
  Additional data("govctl data key 1");  // 1: the format's version
  data.uuid(org.bytes).integer(id);
  return data;
}

// What wraps the org's data keys: both the master key and the org's key file are needed.
Secret wrapping_key(const Secret& master, const Secret& org_key, const OrgId& org) {
  Secret wrapping(key_size);
  const Additional info = wrap_binding(org, 0);
  CryptoPP::HKDF<CryptoPP::SHA256>().DeriveKey(
      wrapping.bytes().data(), wrapping.bytes().size(), master.bytes().data(), master.bytes().size(),
      org_key.bytes().data(), org_key.bytes().size(), info.bytes().data(), info.bytes().size());
  return wrapping;
}

std::unexpected<Error> is_sealed() {
  return fail(Code::unavailable, "govd is sealed: its master key lies under a passphrase that nobody has given",
              "govctl secrets unseal");
}

}  // namespace

struct Keyring::State {
  std::string keys_dir;
  CryptoPP::ed25519::Signer signer;
  CryptoPP::ed25519::Verifier verifier;
  mutable std::shared_mutex mutex;  // guards what follows
  MasterFiles masters;

  [[nodiscard]] std::string org_key_path(const OrgId& org) const {
    return fmt::format("{}/org-{}.key", keys_dir, org.text());
  }
  // Under the mutex. The key of a rotation that is not finished is the newest.
  [[nodiscard]] const Master& newest() const { return masters.next ? *masters.next : masters.current; }
  [[nodiscard]] std::vector<const Master*> all_open() const {
    std::vector<const Master*> open;
    const auto take = [&](const Master& master) {
      if (master.open()) open.push_back(&master);
    };
    take(newest());
    if (masters.next) take(masters.current);
    for (const Master& master : masters.retired) take(master);
    return open;
  }
  // The data key, and the master key that it is under.
  struct Unwrapped {
    Secret key;
    const Master* master = nullptr;
  };
  [[nodiscard]] Result<Unwrapped> unwrap(const OrgId& org, std::int64_t id,
                                         std::span<const std::uint8_t> wrapped) const {
    if (!masters.current.open()) return is_sealed();
    auto org_key = read_key_file(org_key_path(org));
    if (!org_key) return std::unexpected(org_key.error());
    const Additional binding = wrap_binding(org, id);
    Error refusal;
    for (const Master* master : all_open()) {
      auto key = secrets::open(wrapping_key(master->key, *org_key, org), wrapped, binding.bytes());
      if (key && key->bytes().size() != key_size) return fail(Code::corrupt, "a data key has the wrong length");
      if (key) return Unwrapped{std::move(*key), master};
      refusal = key.error();
    }
    return std::unexpected(refusal);
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
  auto masters = load_masters(keys_dir, existing_data);
  if (!masters) return std::unexpected(masters.error());
  auto signing = find_key(keys_dir, "signing", existing_data);
  if (!signing) return std::unexpected(signing.error());

  auto state = std::make_unique<State>();
  state->keys_dir = keys_dir;
  state->masters = std::move(*masters);
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
  const std::shared_lock lock(state_->mutex);
  if (!state_->newest().open()) return is_sealed();
  auto org_key = read_key_file(state_->org_key_path(org));
  if (!org_key) return std::unexpected(org_key.error());
  Secret key = random_key();
  std::vector<std::uint8_t> wrapped =
      seal(wrapping_key(state_->newest().key, *org_key, org), key.bytes(), wrap_binding(org, id).bytes());
  return std::pair<DataKey, std::vector<std::uint8_t>>(DataKey(std::move(key)), std::move(wrapped));
}

Result<DataKey> Keyring::unwrap(const OrgId& org, std::int64_t id,
                                std::span<const std::uint8_t> wrapped) const {
  const std::shared_lock lock(state_->mutex);
  auto unwrapped = state_->unwrap(org, id, wrapped);
  if (!unwrapped) return std::unexpected(unwrapped.error());
  return DataKey(std::move(unwrapped->key));
}

bool Keyring::sealed() const {
  const std::shared_lock lock(state_->mutex);
  return !state_->masters.current.open();
}

Result<void> Keyring::unseal(const Secret& passphrase) {
  const std::unique_lock lock(state_->mutex);
  const bool needed = !state_->masters.current.open() || !state_->newest().open();
  if (!needed) return fail(Code::conflict, "govd is not sealed", "govctl secrets status");
  auto opened = open_masters(state_->masters, passphrase);
  if (!opened) return std::unexpected(opened.error());
  if (!*opened) return fail(Code::unauthenticated, "the passphrase does not open the master key");
  return {};
}

Keyring::Masters Keyring::masters() const {
  const std::shared_lock lock(state_->mutex);
  const MasterFiles& files = state_->masters;
  Masters told{files.source, !files.current.open(), files.next.has_value(), "", {}};
  if (files.current.open()) told.current = fingerprint(files.current.key);
  for (const Master& master : files.retired) {
    if (master.open()) told.retired.push_back(fingerprint(master.key));
  }
  return told;
}

std::string Keyring::master_of(const OrgId& org, std::int64_t id, std::span<const std::uint8_t> wrapped) const {
  const std::shared_lock lock(state_->mutex);
  auto unwrapped = state_->unwrap(org, id, wrapped);
  return unwrapped ? fingerprint(unwrapped->master->key) : std::string();
}

Result<void> Keyring::begin_rotation(const Secret* passphrase) {
  const std::unique_lock lock(state_->mutex);
  if (!state_->masters.current.open() || !state_->newest().open()) return is_sealed();
  if (state_->masters.source == MasterSource::credential) {
    return fail(Code::conflict,
                "the master key is given by systemd (credential master-key), which alone can replace it",
                "systemctl cat govd");
  }
  return make_next(state_->masters, state_->keys_dir, passphrase);
}

Result<std::optional<std::vector<std::uint8_t>>> Keyring::rewrap(const OrgId& org, std::int64_t id,
                                                                 std::span<const std::uint8_t> wrapped) const {
  const std::shared_lock lock(state_->mutex);
  auto unwrapped = state_->unwrap(org, id, wrapped);
  if (!unwrapped) return std::unexpected(unwrapped.error());
  if (unwrapped->master == &state_->newest()) return std::nullopt;
  auto org_key = read_key_file(state_->org_key_path(org));
  if (!org_key) return std::unexpected(org_key.error());
  return seal(wrapping_key(state_->newest().key, *org_key, org), unwrapped->key.bytes(),
              wrap_binding(org, id).bytes());
}

Result<void> Keyring::finish_rotation(bool destroy_old) {
  const std::unique_lock lock(state_->mutex);
  if (!state_->masters.next) return fail(Code::conflict, "no rotation is under way", "govctl secrets status");
  return adopt_next(state_->masters, state_->keys_dir, destroy_old);
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
