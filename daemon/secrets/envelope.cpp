#include "daemon/secrets/envelope.h"

#include <cryptopp/aes.h>
#include <cryptopp/gcm.h>

namespace govctl::secrets {
namespace {

constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 16;

}  // namespace

std::vector<std::uint8_t> seal(const Secret& key, std::span<const std::uint8_t> plain,
                               std::span<const std::uint8_t> additional) {
  std::vector<std::uint8_t> sealed(nonce_size + plain.size() + tag_size);
  const std::span nonce(sealed.data(), nonce_size);
  random_bytes(nonce);
  CryptoPP::GCM<CryptoPP::AES>::Encryption gcm;
  gcm.SetKeyWithIV(key.bytes().data(), key.bytes().size(), nonce.data(), nonce.size());
  gcm.EncryptAndAuthenticate(sealed.data() + nonce_size, sealed.data() + nonce_size + plain.size(), tag_size,
                             nonce.data(), static_cast<int>(nonce.size()), additional.data(), additional.size(),
                             plain.data(), plain.size());
  return sealed;
}

Result<Secret> open(const Secret& key, std::span<const std::uint8_t> sealed,
                    std::span<const std::uint8_t> additional) {
  const auto refused = [] {
    return fail(Code::corrupt,
                "a stored secret does not open: it was changed, moved, or sealed under another key");
  };
  if (sealed.size() < nonce_size + tag_size) return refused();
  const auto nonce = sealed.first(nonce_size);
  const auto tag = sealed.last(tag_size);
  const auto cipher = sealed.subspan(nonce_size, sealed.size() - nonce_size - tag_size);
  Secret plain(cipher.size());
  CryptoPP::GCM<CryptoPP::AES>::Decryption gcm;
  gcm.SetKeyWithIV(key.bytes().data(), key.bytes().size(), nonce.data(), nonce.size());
  const bool authentic = gcm.DecryptAndVerify(plain.bytes().data(), tag.data(), tag.size(), nonce.data(),
                                              static_cast<int>(nonce.size()), additional.data(),
                                              additional.size(), cipher.data(), cipher.size());
  if (!authentic) return refused();
  return plain;
}

Additional& Additional::text(std::string_view value) {
  integer(static_cast<std::int64_t>(value.size()));
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

Additional& Additional::uuid(const Uuid& value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

Additional& Additional::integer(std::int64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
  return *this;
}

}  // namespace govctl::secrets
