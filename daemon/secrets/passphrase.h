#pragma once
// A key under a passphrase: AES-256-GCM under argon2id(passphrase, salt), with the work factor beside it.

#include <span>
#include <vector>

#include "common/error.h"
#include "daemon/secrets/secrets.h"

namespace govctl::secrets {

// A passphrase of fewer bytes is refused by whoever takes a new one.
constexpr std::size_t min_passphrase = 12;

// version (1) || passes (4) || KiB (4) || salt (16) || nonce || ciphertext || tag; integers big-endian.
Result<std::vector<std::uint8_t>> seal_key(const Secret& key, const Secret& passphrase);
// unauthenticated: another passphrase, or the bytes were changed. Takes a tenth of a second and 64 MiB.
Result<Secret> open_key(std::span<const std::uint8_t> sealed, const Secret& passphrase);

}  // namespace govctl::secrets
