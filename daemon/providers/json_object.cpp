#include "daemon/providers/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace govctl::providers {
namespace {

constexpr int max_depth = 128;

// True for what may stand in a string without a further look: ASCII but for quote, backslash and control
// characters.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x80; ++c) table[c] = c != '"' && c != '\\';
  return table;
}();

// What may follow a backslash, but for u.
constexpr std::array<bool, 256> escaped_alone = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// The first byte from `at` on that is not plain; with `high`, bytes of 0x80 and above are plain, too. Most of a
// body is text, and byte by byte its reading would be most of a call's cost.
template <bool high>
const char* behind_plain(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i special =
        _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    auto found = static_cast<unsigned>(_mm_movemask_epi8(special));
    if constexpr (!high) found |= static_cast<unsigned>(_mm_movemask_epi8(bytes));
    if (found != 0) return at + std::countr_zero(found);
  }
#endif
  const auto is_plain = [](char c) {
    return plain[static_cast<unsigned char>(c)] || (high && static_cast<unsigned char>(c) >= 0x80);
  };
  while (at != end && is_plain(*at)) ++at;
  return at;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text, Utf8 utf8 = Utf8::checked)
      : at_(text.data()), begin_(text.data()), end_(text.data() + text.size()), utf8_(utf8) {}

  // Each returns false at a fault; position() says where.
  bool value(int depth) {
    blanks();
    if (at_ == end_ || depth > max_depth) return false;
    switch (*at_) {
      case '{':
        return object(depth, nullptr);
      case '[':
        return array(depth, nullptr);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool object(int depth, JsonObject* out) {
    ++at_;
    blanks();
    if (at_ != end_ && *at_ == '}') return close(out);
    for (;;) {
      blanks();
      const char* const key = at_;
      if (at_ == end_ || *at_ != '"' || !string()) return false;
      const std::string_view name(key + 1, static_cast<std::size_t>(at_ - key) - 2);
      blanks();
      if (at_ == end_ || *at_ != ':') return false;
      ++at_;
      blanks();
      const char* const start = at_;
      if (!value(depth + 1)) return false;
      if (out != nullptr) out->members.push_back({name, {start, static_cast<std::size_t>(at_ - start)}});
      blanks();
      if (at_ == end_) return false;
      if (*at_ == '}') return close(out);
      if (*at_++ != ',') return false;
    }
  }

  bool array(int depth, std::vector<std::string_view>* out) {
    ++at_;
    blanks();
    if (at_ != end_ && *at_ == ']') {
      ++at_;
      return true;
    }
    for (;;) {
      blanks();
      const char* const start = at_;
      if (!value(depth + 1)) return false;
      if (out != nullptr) out->emplace_back(start, static_cast<std::size_t>(at_ - start));
      blanks();
      if (at_ == end_) return false;
      const char c = *at_++;
      if (c == ']') return true;
      if (c != ',') return false;
    }
  }

  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] bool at_object() const { return at_ != end_ && *at_ == '{'; }
  [[nodiscard]] bool at_array() const { return at_ != end_ && *at_ == '['; }
  [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  bool close(JsonObject* out) {
    if (out != nullptr) out->end = position();
    ++at_;
    return true;
  }

  // A string that was seen to be proper: it ends at a quote with an even number of backslashes before it.
  bool known_string() {
    const char* const begin = ++at_;
    for (;;) {
      const void* const quote = std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_));
      if (quote == nullptr) return false;
      at_ = static_cast<const char*>(quote);
      const char* escape = at_++;
      while (escape != begin && escape[-1] == '\\') --escape;
      if ((at_ - escape) % 2 != 0) return true;
    }
  }

  bool string() {
    if (utf8_ == Utf8::known) return known_string();
    ++at_;
    for (;;) {
      at_ = utf8_ == Utf8::passed ? behind_plain<true>(at_, end_) : behind_plain<false>(at_, end_);
      if (at_ == end_) return false;
      if (static_cast<unsigned char>(*at_) >= 0x80) {
        if (!beyond_ascii()) return false;
        continue;
      }
      const char c = *at_++;
      if (c == '"') return true;
      if (c != '\\' || at_ == end_) return false;
      const char escaped = *at_++;
      if (escaped == 'u') {
        for (int i = 0; i < 4; ++i, ++at_) {
          if (at_ == end_ || std::isxdigit(static_cast<unsigned char>(*at_)) == 0) return false;
        }
      } else if (!escaped_alone[static_cast<unsigned char>(escaped)]) {
        return false;
      }
    }
  }

  // One character of UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
  bool beyond_ascii() {
    const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(at_[i]); };
    const unsigned char first = byte(0);
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || static_cast<std::size_t>(end_ - at_) < size) return false;
    const unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte(1) < low || byte(1) > high) return false;
    for (std::size_t i = 2; i < size; ++i) {
      if ((byte(i) & 0xc0U) != 0x80U) return false;
    }
    at_ += size;
    return true;
  }

  bool digits() {
    const char* const start = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != start;
  }

  bool number() {
    if (*at_ == '-') ++at_;
    const bool zero = at_ != end_ && *at_ == '0';
    const char* const start = at_;
    if (!digits() || (zero && at_ - start > 1)) return false;
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  bool word(std::string_view expected) {
    if (static_cast<std::size_t>(end_ - at_) < expected.size() ||
        std::string_view(at_, expected.size()) != expected) {
      return false;
    }
    at_ += expected.size();
    return true;
  }

  const char* at_;
  const char* begin_;
  const char* end_;
  Utf8 utf8_;
};

// A key that stands twice. Few are compared with each other, which costs less than sorting them.
std::optional<std::string_view> repeated(const std::vector<JsonMember>& members) {
  if (members.size() <= 24) {
    for (auto one = members.begin(); one != members.end(); ++one) {
      const auto same = std::ranges::find(std::next(one), members.end(), one->key, &JsonMember::key);
      if (same != members.end()) return same->key;
    }
    return std::nullopt;
  }
  std::vector<std::string_view> keys;
  keys.reserve(members.size());
  for (const JsonMember& member : members) keys.push_back(member.key);
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  return twice == keys.end() ? std::nullopt : std::optional(*twice);
}

}  // namespace

const JsonMember* JsonObject::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &*found;
}

Result<JsonObject> scan_object(std::string_view text, Utf8 utf8) {
  Scanner scanner(text, utf8);
  JsonObject object;
  scanner.blanks();
  if (!scanner.at_object()) {
    return fail(Code::invalid, text.empty() ? "the body is empty" : "the body is not a JSON object");
  }
  object.members.reserve(16);
  const bool whole = scanner.object(0, &object);
  if (whole) scanner.blanks();
  if (!whole || !scanner.at_end()) {
    return fail(Code::invalid, fmt::format("the body is not JSON: fault at byte {}", scanner.position()));
  }
  for (const JsonMember& member : object.members) {
    if (member.key.find('\\') != std::string_view::npos) {
      return fail(Code::invalid, fmt::format("a field's name holds an escape: {}", cut(member.key, 64)));
    }
  }
  if (const auto twice = repeated(object.members)) {
    return fail(Code::invalid, fmt::format("field '{}' stands twice", cut(*twice, 64)));
  }
  return object;
}

std::string spliced(std::string_view text, std::vector<Splice> splices) {
  std::ranges::sort(splices, {}, &Splice::begin);
  std::size_t size = text.size();
  for (const auto& splice : splices) size += splice.with.size();
  std::string result;
  result.reserve(size);
  std::size_t at = 0;
  for (const auto& splice : splices) {
    result.append(text, at, splice.begin - at);
    result += splice.with;
    at = splice.end;
  }
  result.append(text, at);
  return result;
}

std::string with_members(std::string_view text, const JsonObject& object,
                         const std::vector<MemberEdit>& edits) {
  std::vector<Splice> splices;
  std::string added;
  for (const MemberEdit& edit : edits) {
    if (const JsonMember* member = object.find(edit.key)) {
      const auto begin = static_cast<std::size_t>(member->value.data() - text.data());
      splices.push_back({begin, begin + member->value.size(), edit.value});
    } else {
      if (!object.members.empty() || !added.empty()) added += ',';
      added += json_quoted(edit.key) + ":" + edit.value;
    }
  }
  if (!added.empty()) splices.push_back({object.end, object.end, std::move(added)});
  return spliced(text, std::move(splices));
}

Result<std::vector<std::string_view>> scan_array(std::string_view text, Utf8 utf8) {
  Scanner scanner(text, utf8);
  std::vector<std::string_view> elements;
  scanner.blanks();
  if (!scanner.at_array() || !scanner.array(0, &elements)) return fail(Code::invalid, "not a JSON array");
  scanner.blanks();
  if (!scanner.at_end()) return fail(Code::invalid, "not a JSON array");
  return elements;
}

std::string_view cut(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0U) == 0x80U) --bytes;
  return text.substr(0, bytes);
}

std::optional<std::string> json_string(std::string_view value) {
  if (value.size() < 2 || value.front() != '"') return std::nullopt;
  const std::string_view inside = value.substr(1, value.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const auto parsed = nlohmann::json::parse(value, nullptr, false);
  if (!parsed.is_string()) return std::nullopt;
  return parsed.get<std::string>();
}

std::optional<std::int64_t> json_integer(std::string_view value) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return number;
}

std::string json_quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace govctl::providers
