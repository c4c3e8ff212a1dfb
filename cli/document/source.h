#pragma once
// A document as a user keeps it: YAML or JSON in a file, read against its schema, so that what is wrong is told
// by file and line; and the plan file that `govctl plan --out` makes of it. No daemon.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/terminal.h"
#include "common/api/apply.h"

namespace govctl::cli::document {

using api::Json;

// Values as the API takes them; lines by JSON pointer, from 1.
struct Text {
  Json json;
  std::map<std::string, int> lines;
};
// YAML, of which JSON is a part. Plain scalars are read as the schema says: 50 is a text where a text is
// wanted. invalid: "acme.yaml:7: unknown field 'limt'; did you mean 'limit'?"
Result<Text> read_text(const std::string& file, std::string_view text, const Json& schema);

// What is to be carried out.
struct Source {
  std::string file;  // as the user named it
  bool platform = false;
  Text document;
  std::optional<std::string> set;
  bool prune = false;
  // Of a plan file: what was reviewed, and against which state.
  std::optional<std::string> base;
  std::optional<Json> changes;

  [[nodiscard]] std::string org() const { return document.json.value("org", std::string()); }
  [[nodiscard]] std::string subject() const { return platform ? "the platform" : org(); }
  // An error of the daemon, with the line of the file that it names.
  [[nodiscard]] Error placed(Error error) const;
};
// `file`: a path, or - for standard input.
Result<Source> load(const std::string& file, bool platform, const Terminal& terminal);

// The content of a plan file: never a secret.
Json plan_file(const Source& source, const api::Applied& plan);

// The secrets that the document's credentials refer to, as the API takes them beside the document. A variable
// or file that is not there is left out and said in `missing`; so is standard input where that is a terminal
// and `ask` is not set. invalid: no reference, or one that leads to no secret.
struct Secrets {
  Json given = Json::array();
  std::vector<std::string> missing;  // "credential openai: the variable OPENAI_API_KEY is not set"
};
Result<Secrets> resolve(const Source& source, const Terminal& terminal, bool ask);
// Gives each credential of an exported document the reference by which it can be given again:
// env:ACME_OPENAI_API_KEY.
void add_references(Json& document);

}  // namespace govctl::cli::document
