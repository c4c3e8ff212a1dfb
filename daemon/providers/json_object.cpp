#include "daemon/providers/json_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace govctl::providers {
namespace {

constexpr int max_depth = 128;

// True for what may stand in a string without a further look: not a quote, a backslash or a control character.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 256; ++c) table[c] = c != '"' && c != '\\';
  return table;
}();

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), begin_(text.data()), end_(text.data() + text.size()) {}

  // Each returns false at a fault; position() says where.
  bool value(int depth) {
    blanks();
    if (at_ == end_ || depth > max_depth) return false;
    switch (*at_) {
      case '{': return object(depth, nullptr);
      case '[': return array(depth);
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
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
      if (at_ == end_ || *at_++ != ':') return false;
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

  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] bool at_object() const { return at_ != end_ && *at_ == '{'; }
  [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  bool close(JsonObject* out) {
    if (out != nullptr) out->end = position();
    ++at_;
    return true;
  }

  bool array(int depth) {
    ++at_;
    blanks();
    if (at_ != end_ && *at_ == ']') {
      ++at_;
      return true;
    }
    for (;;) {
      if (!value(depth + 1)) return false;
      blanks();
      if (at_ == end_) return false;
      const char c = *at_++;
      if (c == ']') return true;
      if (c != ',') return false;
    }
  }

  bool string() {
    ++at_;
    for (;;) {
      while (at_ != end_ && plain[static_cast<unsigned char>(*at_)]) ++at_;
      if (at_ == end_) return false;
      const char c = *at_++;
      if (c == '"') return true;
      if (c != '\\' || at_ == end_) return false;
      const char escaped = *at_++;
      if (escaped == 'u') {
        for (int i = 0; i < 4; ++i, ++at_) {
          if (at_ == end_ || std::isxdigit(static_cast<unsigned char>(*at_)) == 0) return false;
        }
      } else if (std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return false;
      }
    }
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
};

}  // namespace

const JsonMember* JsonObject::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &*found;
}

Result<JsonObject> scan_object(std::string_view text) {
  Scanner scanner(text);
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
  for (std::size_t i = 0; i < object.members.size(); ++i) {
    const std::string_view key = object.members[i].key;
    if (key.find('\\') != std::string_view::npos) {
      return fail(Code::invalid, fmt::format("a field's name holds an escape: {}", key.substr(0, 64)));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (object.members[j].key == key) {
        return fail(Code::invalid, fmt::format("field '{}' stands twice", key.substr(0, 64)));
      }
    }
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
