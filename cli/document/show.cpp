#include "cli/document/show.h"

#include <fmt/format.h>

#include "cli/text.h"

namespace govctl::cli::document {
namespace {

using api::Json;

std::string shown(const Json& value) {
  if (value.is_null()) return "none";
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string line_of(const api::FieldChange& change, std::string_view action) {
  if (change.field == "secret") return "    secret: replaced\n";
  const std::string name = printable(change.field);
  if (action == "add") return fmt::format("    {}: {}\n", name, shown(change.after));
  return fmt::format("    {}: {} -> {}\n", name, shown(change.before), shown(change.after));
}

std::string name_of(const api::Change& change) {
  std::string name = change.kind;
  if (!change.path.empty()) name += " " + printable(change.path);
  if (change.key) name += " key " + printable(*change.key);
  if (change.name) name += " " + printable(*change.name);
  return name;
}

std::string block(const api::Change& change, std::string_view sign, std::string_view shade, bool color) {
  std::string text = fmt::format("{}{} {}{}\n", color ? shade : "", sign, name_of(change), color ? plain : "");
  for (const auto& field : change.changed) text += line_of(field, change.action);
  return text;
}

}  // namespace

std::string changes_text(const api::Applied& applied, bool rest, bool color) {
  std::string text;
  for (const auto& change : applied.changes) {
    const bool adds = change.action == "add";
    const bool changes = change.action == "change";
    text += block(change, adds ? "+" : changes ? "~" : "-", adds ? green : changes ? yellow : red, color);
  }
  if (!rest) return text;
  for (const auto& kept : applied.rest) text += block(kept, "-", red, color);
  return text;
}

std::string counts_text(const api::Applied& applied, bool done) {
  return fmt::format("{} {}, {} {}, {} {}", applied.added, done ? "added" : "to add", applied.changed,
                     done ? "changed" : "to change", applied.deleted, done ? "deleted" : "to delete");
}

}  // namespace govctl::cli::document
