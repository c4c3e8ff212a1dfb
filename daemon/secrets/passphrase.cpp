#include "daemon/secrets/passphrase.h"

#include <argon2.h>

#include <algorithm>

#include "daemon/secrets/envelope.h"

namespace govctl::secrets {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint32_t passes = 3;
constexpr std::uint32_t kibibytes = 64 * 1024;
// A changed file may not ask for the machine's memory.
constexpr std::uint32_t most_kibibytes = 1024 * 1024, most_passes = 64;
constexpr std::size_t salt_size = 16;
constexpr std::size_t head_size = 1 + 4 + 4 + salt_size;

void put(std::uint32_t value, std::vector<std::uint8_t>& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}
std::uint32_t get(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : bytes.first(4)) value = value << 8 | byte;
  return value;
}

Result<Secret> derive(const Secret& passphrase, std::uint32_t with_passes, std::uint32_t with_kibibytes,
                      std::span<const std::uint8_t> salt) {
  Secret key(key_size);
  const int code =
      argon2id_hash_raw(with_passes, with_kibibytes, 1, passphrase.bytes().data(), passphrase.bytes().size(),
                        salt.data(), salt.size(), key.bytes().data(), key.bytes().size());
  if (code != ARGON2_OK) return fail(Code::unavailable, "no memory to derive a key from the passphrase");
  return key;
}

}  // namespace

Result<std::vector<std::uint8_t>> seal_key(const Secret& key, const Secret& passphrase) {
  std::vector<std::uint8_t> made{version};
  put(passes, made);
  put(kibibytes, made);
  made.resize(head_size);
  const std::span salt = std::span(made).last(salt_size);
  random_bytes(salt);
  auto wrapping = derive(passphrase, passes, kibibytes, salt);
  if (!wrapping) return std::unexpected(wrapping.error());
  const Additional data("govctl master key 1");
  const auto sealed = seal(*wrapping, key.bytes(), data.bytes());
  made.insert(made.end(), sealed.begin(), sealed.end());
  return made;
}

Result<Secret> open_key(std::span<const std::uint8_t> sealed, const Secret& passphrase) {
  const auto refused = [] {
    return fail(Code::unauthenticated, "the passphrase does not open the master key");
  };
  if (sealed.size() <= head_size || sealed[0] != version) {
    return fail(Code::corrupt, "the sealed master key is not one of govd's");
  }
  const std::uint32_t with_passes = get(sealed.subspan(1));
  const std::uint32_t with_kibibytes = get(sealed.subspan(5));
  if (with_passes == 0 || with_passes > most_passes || with_kibibytes > most_kibibytes) return refused();
  auto wrapping = derive(passphrase, with_passes, with_kibibytes, sealed.subspan(9, salt_size));
  if (!wrapping) return wrapping;
  const Additional data("govctl master key 1");
  auto key = open(*wrapping, sealed.subspan(head_size), data.bytes());
  if (!key || key->bytes().size() != key_size) return refused();
  return key;
}

}  // namespace govctl::secrets
