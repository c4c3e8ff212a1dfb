#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "daemon/secrets/secrets.h"

namespace govctl::secrets {

Secret::~Secret() { wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::move(other.bytes_);
  other.bytes_.clear();
  return *this;
}

void Secret::wipe() {
  if (!bytes_.empty()) ::explicit_bzero(bytes_.data(), bytes_.size());
}

void random_bytes(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) std::abort();  // no randomness: no keys
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace govctl::secrets
