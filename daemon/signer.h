#pragma once
// The keyring's signing key as the store takes it.

#include "daemon/secrets/secrets.h"
#include "daemon/store/verify.h"

namespace govctl {

// The keyring outlives it.
inline store::Signer signer_of(const secrets::Keyring& keyring) {
  store::Signer signer;
  signer.sign = [&keyring](std::span<const std::uint8_t> message) { return keyring.sign(message); };
  signer.verify = [&keyring](std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) {
    return keyring.verify(message, signature);
  };
  return signer;
}

}  // namespace govctl
