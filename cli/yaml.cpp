#include "cli/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace govctl::cli {
namespace {

// Only what no YAML version reads as a number, a date, a truth value or null stays without quotes.
bool safe_plain(std::string_view text) {
  constexpr std::array<std::string_view, 11> words{"true", "false", "yes", "no",  "on", "off",
                                                   "null", "y",     "n",   "inf", "nan"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !letter(text.front())) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(words, lower) == words.end() && std::ranges::all_of(text, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || std::string_view("_-./").contains(c);
         });
}

void put_text(YAML::Emitter& out, const std::string& text) {
  if (!safe_plain(text)) out << YAML::DoubleQuoted;
  out << text;
}

void put(YAML::Emitter& out, const api::Json& json) {
  if (json.is_object()) {
    if (json.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [name, value] : json.items()) {
      out << YAML::Key;
      put_text(out, name);
      out << YAML::Value;
      put(out, value);
    }
    out << YAML::EndMap;
  } else if (json.is_array()) {
    if (json.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& item : json) put(out, item);
    out << YAML::EndSeq;
  } else if (json.is_string()) {
    put_text(out, json.get<std::string>());
  } else if (json.is_null()) {
    out << YAML::Null;
  } else {
    out << json.dump();  // numbers, true and false read the same in both
  }
}

}  // namespace

std::string yaml(const api::Json& json) {
  YAML::Emitter out;
  put(out, json);
  return std::string(out.c_str()) + "\n";
}

}  // namespace govctl::cli
