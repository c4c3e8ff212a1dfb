#include "common/api/fields.h"

#include <set>

#include "common/nearest.h"

namespace govctl::api {
namespace {

// Builds the value through nlohmann's own parser and looks at every key on the way.
class StrictKeys {
 public:
  // The callback of Json::parse. False drops the value; the fault is kept.
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > 64) too_deep = true;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end && !open_.empty()) open_.pop_back();
    if (event == Event::key && !open_.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second && duplicate.empty()) duplicate = key;
    }
    return !too_deep;
  }
  std::string duplicate;
  bool too_deep = false;

 private:
  std::vector<std::set<std::string>> open_;
};

}  // namespace

Result<Json> parse_strict(std::string_view text) {
  StrictKeys keys;
  Json json;
  try {
    json = Json::parse(text, std::ref(keys));
  } catch (const Json::exception& error) {
    // what() quotes the text near the fault, which may hold a secret: say where, not what.
    const auto* parse = dynamic_cast<const Json::parse_error*>(&error);
    return fail(Code::invalid, parse != nullptr
                                   ? fmt::format("the body is not JSON: fault at byte {}", parse->byte)
                                   : std::string("the body is not JSON"));
  }
  if (keys.too_deep) return fail(Code::invalid, "the body is nested deeper than 64 levels");
  if (!keys.duplicate.empty()) {
    return fail(Code::invalid, fmt::format("field '{}' stands twice", keys.duplicate.substr(0, 64)));
  }
  return json;
}

Error unknown_field(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string_view close = nearest(name, known);
  return {Code::invalid,
          close.empty()
              ? fmt::format("unknown field '{}'; known are {}", name.substr(0, 64), fmt::join(known, ", "))
              : fmt::format("unknown field '{}'; did you mean '{}'?", name.substr(0, 64), close),
          "", ""};
}

Error wrong_type(std::string_view field, std::string_view expected, const Json& got) {
  return {Code::invalid,
          fmt::format("field '{}' must be {}, not {}", field, expected,
                      got.is_number_float() ? "a fraction" : got.type_name()),
          "", ""};
}

Json nullable(Json schema) {
  if (const auto type = schema.find("type"); type != schema.end() && type->is_string()) {
    *type = Json::array({*type, "null"});
  }
  return schema;
}

}  // namespace govctl::api
