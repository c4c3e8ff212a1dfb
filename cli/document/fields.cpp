// A document's fields, told from the schema that it is read by.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/document/show.h"
#include "common/nearest.h"

namespace govctl::cli::document {
namespace {

using api::Json;

// What the things of a document are called.
struct Named {
  std::string_view name;
  Json (*schema)();
};
constexpr std::array things{Named{"org", api::schema<api::OrgDocument>},
                            Named{"workspace", api::schema<api::WorkspaceDocument>},
                            Named{"group", api::schema<api::GroupDocument>},
                            Named{"agent", api::schema<api::AgentDocument>},
                            Named{"key", api::schema<api::KeyDocument>},
                            Named{"policy", api::schema<api::PolicyDocument>},
                            Named{"budget", api::schema<api::BudgetDocument>},
                            Named{"alias", api::schema<api::AliasDocument>},
                            Named{"credential", api::schema<api::CredentialDocument>},
                            Named{"platform", api::schema<api::PlatformDocument>},
                            Named{"provider", api::schema<api::ProviderDocument>},
                            Named{"model", api::schema<api::ModelDocument>},
                            Named{"price", api::schema<api::PriceDocument>}};

bool is(const Json& schema, std::string_view type) {
  const auto found = schema.find("type");
  if (found == schema.end()) return false;
  return std::ranges::any_of(found->is_array() ? *found : Json::array({*found}),
                             [&](const Json& one) { return one == type; });
}

std::string type_of(const Json& schema) {
  if (is(schema, "object")) return "map";
  if (is(schema, "array")) return is(schema["items"], "object") ? "list of maps" : "list of texts";
  if (is(schema, "integer")) return "whole number";
  if (is(schema, "boolean")) return "true or false";
  if (is(schema, "string")) return "text";
  return "whole number or text";
}

// What has fields: the schema itself, or that of a list's entries.
const Json& inner(const Json& schema) { return is(schema, "array") ? schema["items"] : schema; }

bool required(const Json& schema, std::string_view field) {
  const auto found = schema.find("required");
  return found != schema.end() && std::ranges::any_of(*found, [&](const Json& one) { return one == field; });
}

Explained explained(const std::string& name, const Json& schema, bool is_required) {
  Explained made{name, type_of(schema), schema.value("description", std::string()), is_required, {}};
  const Json& of = inner(schema);
  if (!of.contains("properties")) return made;
  for (const auto& [field, property] : of["properties"].items()) {
    made.fields.push_back(
        {field, type_of(property), property.value("description", std::string()), required(of, field), {}});
  }
  return made;
}

void outline_into(std::string& text, const Json& schema, int depth) {
  for (const auto& [name, property] : schema["properties"].items()) {
    const Json& of = inner(property);
    std::string line = std::string(static_cast<std::size_t>(depth) * 2, ' ') + name;
    line += fmt::format(": {}{}", type_of(property), required(schema, name) ? ", required" : "");
    const auto doc = property.value("description", std::string());
    text += doc.empty() ? line + "\n" : fmt::format("{:<44}  {}\n", line, doc);
    // Rules and limits hang on every level: told once.
    const bool told = depth > 0 && (name == "policies" || name == "budgets");
    if (of.contains("properties") && !told) outline_into(text, of, depth + 1);
  }
}

}  // namespace

Result<Explained> explain(std::string_view field) {
  const std::string whole(field);
  std::string_view rest = field;
  const auto next = [&] {
    const std::size_t dot = rest.find('.');
    const std::string_view word = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    return word;
  };
  const auto unknown = [&](std::string_view word, const std::vector<std::string_view>& known) {
    const std::string_view close = nearest(word, known);
    return fail(Code::not_found,
                fmt::format("there is no field '{}'{}", word.substr(0, 64),
                            close.empty() ? fmt::format("; there are {}", fmt::join(known, ", "))
                                          : fmt::format("; did you mean '{}'?", close)),
                "govctl help schema");
  };
  const std::string_view first = next();
  const auto* const named = std::ranges::find(things, first, &Named::name);
  // A path from the top, or one that begins with what a thing is called.
  Json schema;
  bool is_required = false;
  if (named != things.end()) {
    schema = named->schema();
  } else {
    schema = api::schema<api::OrgDocument>();
    const Json platform = api::schema<api::PlatformDocument>();
    if (!schema["properties"].contains(std::string(first)) &&
        platform["properties"].contains(std::string(first))) {
      schema = platform;
    }
    rest = field;
    if (!schema["properties"].contains(std::string(first))) {
      std::vector<std::string_view> known(things.size());
      std::ranges::transform(things, known.begin(), &Named::name);
      return unknown(first, known);
    }
  }
  while (!rest.empty()) {
    const std::string_view word = next();
    const Json of = inner(schema);
    std::vector<std::string_view> known;
    if (of.contains("properties")) {
      for (const auto& [name, ignored] : of["properties"].items()) known.push_back(name);
    }
    if (std::ranges::find(known, word) == known.end()) {
      if (known.empty()) {
        return fail(Code::not_found,
                    fmt::format("'{}' has no fields: nothing stands below it", whole.substr(0, 200)),
                    "govctl help schema");
      }
      return unknown(word, known);
    }
    is_required = required(of, word);
    schema = Json(of["properties"][std::string(word)]);
  }
  return explained(whole, schema, is_required);
}

std::string outline(bool platform) {
  std::string text;
  outline_into(text, platform ? api::schema<api::PlatformDocument>() : api::schema<api::OrgDocument>(), 0);
  return text;
}

Json json_schema(bool platform) {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", platform ? "govctl: the platform's document" : "govctl: an org's document"}};
  schema.update(platform ? api::schema<api::PlatformDocument>() : api::schema<api::OrgDocument>());
  return schema;
}

}  // namespace govctl::cli::document
