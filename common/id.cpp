#include "common/id.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace govctl {
namespace {

// getrandom costs a system call; a thread draws 4 KiB at a time.
class RandomPool {
 public:
  void draw(std::uint8_t* out, std::size_t n) {
    if (used_ + n > pool_.size()) refill();
    std::memcpy(out, pool_.data() + used_, n);
    std::memset(pool_.data() + used_, 0, n);
    used_ += n;
  }

 private:
  void refill() {
    std::size_t got = 0;
    while (got < pool_.size()) {
      const ssize_t n = getrandom(pool_.data() + got, pool_.size() - got, 0);
      if (n < 0 && errno == EINTR) continue;  // a signal, which large draws are not safe from
      if (n <= 0) std::abort();               // no randomness: no ids, no keys
      got += static_cast<std::size_t>(n);
    }
    used_ = 0;
  }
  std::array<std::uint8_t, 4096> pool_{};
  std::size_t used_ = 4096;
};

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Uuid mint_uuid7(std::int64_t unix_ms) {
  thread_local RandomPool random;
  thread_local std::int64_t last_ms = -1;
  thread_local std::int64_t stamp_ms = -1;  // ahead of last_ms once a millisecond's counters are used up
  thread_local std::uint16_t counter = 0;   // the 12 bits of rand_a, RFC 9562 §6.2 method 1

  Uuid uuid;
  random.draw(uuid.data() + 6, 10);
  if (unix_ms != last_ms) {
    counter = static_cast<std::uint16_t>(uuid[7] | (uuid[6] & 0x7) << 8);
    last_ms = stamp_ms = unix_ms;
  } else if (++counter > 0xfff) {
    counter = 0;
    ++stamp_ms;
  }
  for (int i = 0; i < 6; ++i) {
    uuid[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(stamp_ms >> (40 - 8 * i));
  }
  uuid[6] = static_cast<std::uint8_t>(0x70 | (counter >> 8));
  uuid[7] = static_cast<std::uint8_t>(counter & 0xff);
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3f));
  return uuid;
}

std::string uuid_text(const Uuid& uuid) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[uuid[i] >> 4];
    text += digits[uuid[i] & 15];
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid uuid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < 36;) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      ++i;
      continue;
    }
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid[at++] = static_cast<std::uint8_t>(high << 4 | low);
    i += 2;
  }
  return uuid;
}

}  // namespace govctl
