#pragma once
// AES-256-GCM as this program uses it everywhere: nonce (96 bits, random) || ciphertext || tag (128 bits).

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "daemon/secrets/secrets.h"

namespace govctl::secrets {

constexpr std::size_t key_size = 32;

std::vector<std::uint8_t> seal(const Secret& key, std::span<const std::uint8_t> plain,
                               std::span<const std::uint8_t> additional);
// corrupt when it does not authenticate under the key and the additional data.
Result<Secret> open(const Secret& key, std::span<const std::uint8_t> sealed,
                    std::span<const std::uint8_t> additional);

// Additional data: fixed-width and length-prefixed parts, so that no two bindings give the same bytes.
class Additional {
 public:
  explicit Additional(std::string_view purpose) { text(purpose); }
  Additional& text(std::string_view value);
  Additional& uuid(const Uuid& value);
  Additional& integer(std::int64_t value);
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace govctl::secrets
