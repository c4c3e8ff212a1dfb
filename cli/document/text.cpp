#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>

#include "cli/document/source.h"

namespace govctl::cli::document {
namespace {

constexpr int deepest = 64;
constexpr std::size_t most_values = 2'000'000;  // aliases can make a small file large

bool allows(const Json& schema, std::string_view type) {
  const auto found = schema.find("type");
  if (found == schema.end()) return true;
  return std::ranges::any_of(found->is_array() ? *found : Json::array({*found}),
                             [&](const Json& one) { return one == type; });
}

// JSON's pairs of surrogates as YAML writes them: \ud83d\ude00 -> \U0001F600.
std::string with_whole_characters(std::string_view text) {
  const auto unit_at = [&](std::size_t at) -> unsigned {
    unsigned value = 0;
    if (at + 6 > text.size() || !text.substr(at).starts_with("\\u")) return 0;
    const char* begin = text.data() + at + 2;
    const auto [end, fault] = std::from_chars(begin, begin + 4, value, 16);
    return fault == std::errc{} && end == begin + 4 ? value : 0;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned high = text[i] == '\\' ? unit_at(i) : 0;
    const unsigned low = high >= 0xD800 && high < 0xDC00 ? unit_at(i + 6) : 0;
    if (low >= 0xDC00 && low < 0xE000) {
      out += fmt::format("\\U{:08X}", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
      i += 11;
      continue;
    }
    out += text[i];
    if (text[i] == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

class Walker {
 public:
  explicit Walker(const std::string& file) : file_(file) {}
  std::map<std::string, int> lines;

  Result<Json> value(const YAML::Node& node, const Json& schema, const std::string& at, int line) {
    lines.emplace(at, line);
    if (++values_ > most_values) return wrong(line, "there is too much in it");
    if (++depth_ > deepest) return wrong(line, "it is nested too deeply");
    auto json = node.IsMap()        ? object(node, schema, at, line)
                : node.IsSequence() ? array(node, schema, at, line)
                                    : scalar(node, schema, at, line);
    --depth_;
    return json;
  }

 private:
  std::unexpected<Error> wrong(int line, std::string_view why) const {
    return fail(Code::invalid, fmt::format("{}:{}: {}", file_, line, why), "govctl help schema");
  }
  std::unexpected<Error> wrong_type(int line, const std::string& at, std::string_view wanted) const {
    const std::string name = at.substr(at.rfind('/') + 1);
    const bool numbered = name.find_first_not_of("0123456789") == std::string::npos;
    if (at.empty()) return wrong(line, fmt::format("the document must be {}", wanted));
    if (!numbered) return wrong(line, fmt::format("'{}' must be {}", name, wanted));
    const std::string above = at.substr(0, at.rfind('/'));
    return wrong(line, fmt::format("each of '{}' must be {}", above.substr(above.rfind('/') + 1), wanted));
  }
  static std::string wanted(const Json& schema) {
    if (allows(schema, "object")) return "a map of fields";
    if (allows(schema, "array")) return "a list, each entry behind a '-'";
    if (allows(schema, "integer")) return "a whole number, in digits";
    if (allows(schema, "boolean")) return "true or false";
    return "a text";
  }

  Result<Json> object(const YAML::Node& node, const Json& schema, const std::string& at, int line) {
    const auto properties = schema.find("properties");
    if (!allows(schema, "object") || properties == schema.end()) return wrong_type(line, at, wanted(schema));
    Json object = Json::object();
    std::vector<std::string_view> known;
    for (const auto& [name, ignored] : properties->items()) known.push_back(name);
    std::map<std::string, int> seen;
    for (const auto& pair : node) {
      const int here = pair.first.Mark().line + 1;
      if (!pair.first.IsScalar()) return wrong(here, "the name of a field must be a text");
      const std::string& name = pair.first.Scalar();
      const auto property = properties->find(name);
      if (property == properties->end()) return wrong(here, api::unknown_field(name, known).message);
      if (const auto [first, fresh] = seen.emplace(name, here); !fresh) {
        return wrong(here, fmt::format("'{}' stands twice, first in line {}", name, first->second));
      }
      if (pair.second.IsNull()) continue;  // as if it were not there
      auto member = value(pair.second, *property, fmt::format("{}/{}", at, name), here);
      if (!member) return member;
      object[name] = std::move(*member);
    }
    for (const auto& name : schema.value("required", Json::array())) {
      if (!object.contains(name)) return wrong(line, fmt::format("'{}' is missing", name.get<std::string>()));
    }
    return object;
  }

  Result<Json> array(const YAML::Node& node, const Json& schema, const std::string& at, int line) {
    const auto items = schema.find("items");
    if (!allows(schema, "array") || items == schema.end()) return wrong_type(line, at, wanted(schema));
    Json array = Json::array();
    for (const auto& entry : node) {
      auto item =
          value(entry, *items, fmt::format("{}/{}", at, array.size()), std::max(entry.Mark().line + 1, line));
      if (!item) return item;
      array.push_back(std::move(*item));
    }
    return array;
  }

  // A number, true and false are what stands without quotes.
  Result<Json> scalar(const YAML::Node& node, const Json& schema, const std::string& at, int line) {
    if (allows(schema, "object") && schema.contains("type")) return wrong_type(line, at, wanted(schema));
    if (allows(schema, "array") && schema.contains("type")) return wrong_type(line, at, wanted(schema));
    if (node.IsNull()) return wrong_type(line, at, wanted(schema));
    const std::string& text = node.Scalar();
    const bool plain = node.Tag() == "?";
    if (schema.contains("type") && allows(schema, "string")) return Json(text);
    if (plain && allows(schema, "integer")) {
      std::int64_t number = 0;
      const char* end = text.data() + text.size();
      const auto [stop, fault] = std::from_chars(text.data(), end, number);
      const bool usual = text == "0" || !(text.starts_with('0') || text.starts_with("-0"));
      if (fault == std::errc{} && stop == end && usual) return Json(number);
    }
    if (plain && schema.contains("type") && allows(schema, "boolean")) {
      if (text == "true" || text == "false") return Json(text == "true");
    }
    if (!schema.contains("type")) return Json(text);
    return wrong_type(line, at, wanted(schema));
  }

  const std::string& file_;
  int depth_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

Result<Text> read_text(const std::string& file, std::string_view text, const Json& schema) {
  try {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    const bool json = first != std::string_view::npos && text[first] == '{';
    const auto documents = YAML::LoadAll(json ? with_whole_characters(text) : std::string(text));
    if (documents.empty() || documents.front().IsNull()) {
      return fail(Code::invalid, file + " is empty", "govctl help schema");
    }
    if (documents.size() > 1) {
      return fail(Code::invalid, fmt::format("{}:{}: a second document begins here; one file holds one org",
                                             file, documents[1].Mark().line + 1));
    }
    Walker walker(file);
    auto value = walker.value(documents.front(), schema, "", 1);
    if (!value) return std::unexpected(value.error());
    return Text{std::move(*value), std::move(walker.lines)};
  } catch (const YAML::Exception& error) {
    return fail(Code::invalid,
                fmt::format("{}:{}: neither YAML nor JSON: {}", file, error.mark.line + 1, error.msg),
                "govctl help schema");
  }
}

}  // namespace govctl::cli::document
