#pragma once
// A plan as people read it, and the fields of a document as they are explained.

#include <optional>
#include <string>
#include <string_view>

#include "common/api/apply.h"

namespace govctl::cli::document {

// One thing a block: "+ agent acme/prod/support/triage", "~ budget acme/prod DAILY" with what changes, "- …".
// `rest`: what is only in the daemon, too, with '-'.
std::string changes_text(const api::Applied& applied, bool rest, bool color);
// "3 to add, 1 to change, 0 to delete"; done: "3 added, …".
std::string counts_text(const api::Applied& applied, bool done);

// A field of a document: "budget.limit", "workspaces.groups.agents.keys", "org". not_found with the nearest.
struct Explained {
  std::string name, type, doc;
  bool required = false;
  // Of a thing: its fields.
  std::vector<Explained> fields;
};
Result<Explained> explain(std::string_view field);
// Every field of the org's document, indented as it is written; or the platform's.
std::string outline(bool platform);
// The document's JSON Schema.
api::Json json_schema(bool platform);

}  // namespace govctl::cli::document
