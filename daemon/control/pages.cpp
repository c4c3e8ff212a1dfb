#include "daemon/control/pages.h"

#include <charconv>

namespace govctl::control {
namespace {
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

std::string base64url(std::span<const std::uint8_t> bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += alphabet[bits >> held & 63U];
    }
  }
  if (held > 0) text += alphabet[bits << (6 - held) & 63U];
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>(bits >> held & 255U);
    }
  }
  return bytes;
}

Result<std::string> cursor_key(const Request& request) {
  const auto cursor = request.asked("cursor");
  if (!cursor) return std::string();
  auto key = base64url_decode(*cursor);
  if (!key || key->empty()) return fail(Code::invalid, "'cursor' is not one that a list answered in 'next'");
  return std::move(*key);
}

std::string make_cursor(std::string_view key) {
  return base64url({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
}

Result<store::Page> seq_page(const Request& request) {
  auto limit = limit_of(request);
  if (!limit) return std::unexpected(limit.error());
  auto key = cursor_key(request);
  if (!key) return std::unexpected(key.error());
  store::Page page;
  page.limit = *limit;
  if (key->empty()) return page;
  const char* end = key->data() + key->size();
  const auto [stop, fault] = std::from_chars(key->data(), end, page.after_seq);
  if (fault != std::errc{} || stop != end || page.after_seq < 1) {
    return fail(Code::invalid, "'cursor' is not one that a list answered in 'next'");
  }
  return page;
}

}  // namespace govctl::control
