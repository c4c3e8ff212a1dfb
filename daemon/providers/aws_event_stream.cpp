#include "daemon/providers/aws_event_stream.h"

#include <cryptopp/base64.h>
#include <cryptopp/crc.h>
#include <cryptopp/filters.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "daemon/providers/json_object.h"

namespace govctl::providers {
namespace {

constexpr std::size_t prelude_bytes = 12;  // total length, length of the headers, CRC of both
constexpr std::size_t crc_bytes = 4;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

std::uint64_t crc32(std::string_view bytes) {
  std::array<CryptoPP::byte, crc_bytes> digest{};
  CryptoPP::CRC32().CalculateDigest(digest.data(), reinterpret_cast<const CryptoPP::byte*>(bytes.data()),
                                    bytes.size());
  // Crypto++ gives the least significant byte first.
  std::uint64_t value = 0;
  for (std::size_t i = crc_bytes; i > 0; --i) value = value << 8U | digest[i - 1];
  return value;
}

// The first `size` bytes of `text`, which loses them; nothing when it has fewer.
std::optional<std::string_view> cut_off(std::string_view& text, std::uint64_t size) {
  if (text.size() < size) return std::nullopt;
  const std::string_view head = text.substr(0, size);
  text.remove_prefix(size);
  return head;
}

// How many bytes a header's value takes; nothing for an unknown type. Types 6 and 7 say it in two bytes, cut
// off here.
std::optional<std::uint64_t> value_size(std::uint64_t type, std::string_view& rest) {
  constexpr std::array<std::uint64_t, 6> fixed{0, 0, 1, 2, 4, 8};  // true, false, byte, short, int, long
  if (type < fixed.size()) return fixed[type];
  if (type == 8) return 8;   // timestamp
  if (type == 9) return 16;  // uuid
  const auto length = type <= 7 ? cut_off(rest, 2) : std::nullopt;
  return length ? std::optional(big_endian(*length)) : std::nullopt;
}

struct Headers {
  std::string_view message_type, event_type, exception_type, error_code, error_message;
};

// Nothing when they are not well formed. Only strings matter; unknown names pass.
std::optional<Headers> read_headers(std::string_view rest) {
  Headers headers;
  while (!rest.empty()) {
    const auto name_size = cut_off(rest, 1);
    const auto name = cut_off(rest, big_endian(*name_size));
    const auto type = name ? cut_off(rest, 1) : std::nullopt;
    const auto size = type ? value_size(big_endian(*type), rest) : std::nullopt;
    const auto value = size ? cut_off(rest, *size) : std::nullopt;
    if (!value) return std::nullopt;
    if (big_endian(*type) != 7) continue;
    if (*name == ":message-type") headers.message_type = *value;
    if (*name == ":event-type") headers.event_type = *value;
    if (*name == ":exception-type") headers.exception_type = *value;
    if (*name == ":error-code") headers.error_code = *value;
    if (*name == ":error-message") headers.error_message = *value;
  }
  return headers;
}

std::string base64_decoded(std::string_view text) {
  std::string bytes;
  CryptoPP::Base64Decoder decoder(new CryptoPP::StringSink(bytes));
  decoder.Put(reinterpret_cast<const CryptoPP::byte*>(text.data()), text.size());
  decoder.MessageEnd();
  return bytes;
}

// Bedrock's exceptions in Anthropic's words.
struct Failure {
  std::string_view exception, type;
};
constexpr std::array failures{Failure{"throttlingException", "rate_limit_error"},
                              Failure{"serviceUnavailableException", "overloaded_error"},
                              Failure{"modelTimeoutException", "timeout_error"},
                              Failure{"validationException", "invalid_request_error"}};

Decoded failure(std::string_view exception, std::string_view message) {
  const auto found = std::ranges::find(failures, exception, &Failure::exception);
  const std::string_view type = found == failures.end() ? "api_error" : found->type;
  const std::string text = fmt::format("{}{}{}", exception, message.empty() ? "" : ": ", message);
  return {"error",
          fmt::format(R"({{"type":"error","error":{{"type":"{}","message":{}}}}})", type, json_quoted(text))};
}

std::string string_member(std::string_view json, std::string_view key) {
  const auto object = scan_object(json, Utf8::passed);
  const JsonMember* member = object ? object->find(key) : nullptr;
  return member == nullptr ? std::string{} : json_string(member->value).value_or("");
}

}  // namespace

Result<void> AwsEventStream::feed(std::string_view bytes) {
  if (broken_) return std::unexpected(*broken_);
  buffer_.append(bytes);
  for (;;) {
    auto taken = take();
    if (!taken) {
      broken_ = taken.error();
      return std::unexpected(*broken_);
    }
    if (!*taken) return {};
  }
}

std::optional<Decoded> AwsEventStream::next() {
  if (ready_.empty()) return std::nullopt;
  Decoded event = std::move(ready_.front());
  ready_.pop_front();
  return event;
}

Result<bool> AwsEventStream::take() {
  const std::string_view all = buffer_;
  if (all.size() < prelude_bytes) return false;
  const std::uint64_t total = big_endian(all.substr(0, 4));
  const std::uint64_t headers = big_endian(all.substr(4, 4));
  if (big_endian(all.substr(8, crc_bytes)) != crc32(all.substr(0, 8))) {
    return fail(Code::upstream_failed, "a message of the event stream has a wrong prelude checksum");
  }
  if (total > max_) return fail(Code::upstream_failed, "a message of the event stream is too large");
  if (total < prelude_bytes + crc_bytes || headers > total - prelude_bytes - crc_bytes) {
    return fail(Code::upstream_failed, "a message of the event stream has lengths that do not fit");
  }
  if (all.size() < total) return false;
  const std::string_view message = all.substr(0, total);
  const std::string_view body = message.substr(0, total - crc_bytes);
  if (big_endian(message.substr(body.size())) != crc32(body)) {
    return fail(Code::upstream_failed, "a message of the event stream has a wrong checksum");
  }
  if (auto decoded = decode(body.substr(prelude_bytes, headers), body.substr(prelude_bytes + headers));
      !decoded) {
    return std::unexpected(decoded.error());
  }
  buffer_.erase(0, total);
  return true;
}

Result<void> AwsEventStream::decode(std::string_view headers, std::string_view payload) {
  const auto read = read_headers(headers);
  if (!read)
    return fail(Code::upstream_failed, "a message of the event stream has headers that cannot be read");
  if (read->message_type == "exception") {
    ready_.push_back(failure(read->exception_type, string_member(payload, "message")));
    return {};
  }
  if (read->message_type == "error") {
    ready_.push_back(failure(read->error_code, read->error_message));
    return {};
  }
  if (read->event_type != "chunk") return {};  // an event that AWS may add
  std::string data = base64_decoded(string_member(payload, "bytes"));
  const auto object = scan_object(data, Utf8::passed);
  if (!object) return fail(Code::upstream_failed, "a chunk of the event stream holds no JSON object");
  ready_.push_back({string_member(data, "type"), std::move(data)});
  return {};
}

}  // namespace govctl::providers
