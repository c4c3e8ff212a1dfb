#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/document/show.h"
#include "cli/text.h"

namespace govctl::cli {
namespace {

Json json_of(const document::Explained& field) {
  Json json{{"field", field.name}, {"type", field.type}, {"required", field.required}, {"doc", field.doc}};
  if (field.fields.empty()) return json;
  json["fields"] = Json::array();
  for (const auto& inner : field.fields) json["fields"].push_back(json_of(inner));
  return json;
}

std::string text_of(const document::Explained& field) {
  std::string text = fmt::format("{}: {}{}\n", field.name, field.type, field.required ? ", required" : "");
  if (!field.doc.empty()) text += "  " + field.doc + "\n";
  if (field.fields.empty()) return text;
  std::vector<std::vector<Cell>> rows;
  for (const auto& inner : field.fields) {
    rows.push_back({{"  " + inner.name, "", false},
                    {inner.type + (inner.required ? ", required" : ""), "", false},
                    {inner.doc, "", false}});
  }
  return text + "\nFields:\n" + aligned(rows);
}

Action build(Arguments& a) {
  auto field = std::make_shared<std::string>();
  a.positional("FIELD", *field, "org, workspace, agent, budget.limit, workspaces.groups, …");
  return [field](Session&) -> Result<Answer> {
    auto explained = document::explain(*field);
    if (!explained) return std::unexpected(explained.error());
    return Answer{.json = json_of(*explained), .text = text_of(*explained)};
  };
}

constexpr std::array commands{Command{"", "Explain a field of a document",
                                      "govctl explain-field budget.limit\ngovctl explain-field agent\n"
                                      "govctl explain-field workspaces.groups.agents.keys",
                                      build}};

}  // namespace

std::span<const Command> explain_field_command() { return commands; }

}  // namespace govctl::cli
