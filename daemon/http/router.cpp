#include "daemon/http/router.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace govctl::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[at + 1]);
      const int low = hex_digit(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      at += 2;
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(digits[byte >> 4]);
      encoded.push_back(digits[byte & 15]);
    }
  }
  return encoded;
}

Result<std::vector<QueryParameter>> parse_query(std::string_view query) {
  std::vector<QueryParameter> parameters;
  const auto decode = [](std::string_view part) {
    std::string spaced(part);
    std::ranges::replace(spaced, '+', ' ');
    return percent_decode(spaced);
  };
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals));
    auto value = decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name || !value) return fail(Code::invalid, "the query holds a broken percent escape");
    if (std::ranges::find(parameters, *name, &QueryParameter::name) != parameters.end()) {
      return fail(Code::invalid, "the query parameter '" + *name + "' stands twice");
    }
    parameters.push_back({std::move(*name), std::move(*value)});
  }
  return parameters;
}

void Router::add(std::string_view method, std::string_view pattern, std::size_t index) {
  Row row{std::string(method), {}, index};
  for (const std::string_view segment : split(pattern)) row.segments.emplace_back(segment);
  rows_.push_back(std::move(row));
}

Result<Router::Match> Router::match(std::string_view method, std::string_view path) const {
  if (!path.starts_with('/')) return fail(Code::not_found, "no such route");
  std::vector<std::string> segments;
  for (const std::string_view raw : split(path)) {
    auto decoded = percent_decode(raw);
    if (!decoded) return fail(Code::invalid, "the path holds a broken percent escape");
    segments.push_back(std::move(*decoded));
  }
  const auto fits = [&](const Row& row) {
    return std::ranges::equal(row.segments, segments, [](const std::string& pattern, const std::string& given) {
      return is_parameter(pattern) ? !given.empty() : pattern == given;
    });
  };
  // Of two rows that fit, the one with a literal at the first place where they differ is the nearer.
  const auto nearer = [](const Row& a, const Row& b) {
    return std::ranges::lexicographical_compare(a.segments, b.segments, {}, is_parameter, is_parameter);
  };
  const Row* best = nullptr;
  std::vector<std::string> allow;
  for (const Row& row : rows_) {
    if (!fits(row)) continue;
    if (std::ranges::find(allow, row.method) == allow.end()) allow.push_back(row.method);
    if (row.method == method && (best == nullptr || nearer(row, *best))) best = &row;
  }
  if (best == nullptr && allow.empty()) return fail(Code::not_found, "no such route");
  if (best == nullptr) {
    const nlohmann::json details{{"allow", allow}};
    return fail(Code::method_not_allowed, "this route does not take that method", {}, details.dump());
  }
  Match match{best->index, {}};
  for (std::size_t at = 0; at < segments.size(); ++at) {
    if (is_parameter(best->segments[at])) match.parameters.push_back(std::move(segments[at]));
  }
  return match;
}

}  // namespace govctl::http
