#include "daemon/calls/attribution.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace govctl::calls {
namespace {

constexpr std::size_t max_length = 200;
constexpr std::size_t max_tags = 16;

std::string printable(std::string_view text) {
  text = text.substr(0, max_length);
  std::string kept;
  std::ranges::copy_if(text, std::back_inserter(kept), [](char c) { return c >= ' ' && c < 0x7f; });
  return kept;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::string first_of(const http::Exchange& exchange, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string_view value = exchange.header(name);
    if (!value.empty()) return printable(value);
  }
  return {};
}

}  // namespace

std::string session_of(const http::Exchange& exchange) {
  return first_of(exchange, {"x-session-id", "x-claude-code-session-id", "session-id"});
}

std::string client_request_id_of(const http::Exchange& exchange) {
  return first_of(exchange, {"x-client-request-id", "x-request-id"});
}

std::string tags_of(const http::Exchange& exchange) {
  std::string_view rest = exchange.header("x-govd-tags");
  nlohmann::ordered_json tags = nlohmann::ordered_json::object();
  // Claude Code's subagents share a session; this tells them apart.
  if (const std::string agent = first_of(exchange, {"x-claude-code-agent-id"}); !agent.empty()) {
    tags["claude-code-agent-id"] = agent;
  }
  while (!rest.empty() && tags.size() < max_tags) {
    const std::size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string name = printable(trimmed(pair.substr(0, equals)));
    if (!name.empty()) tags[name] = printable(trimmed(pair.substr(equals + 1)));
  }
  return tags.empty() ? std::string{} : tags.dump();
}

}  // namespace govctl::calls
