#pragma once
// What a command is: one row of a table in commands/<noun>.cpp. Its builder declares what it takes and gives
// the action; the action asks the daemon and gives an Answer; printing, errors and exit codes are the same for
// all.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cli/arguments.h"
#include "common/api/fields.h"
#include "common/error.h"

namespace govctl::cli {

using api::Json;
class Session;

// How a table shows one field of an object.
struct Column {
  enum class Show { text, number, time, state, bar };  // bar: as long as its share of the column's largest
  std::string_view title;
  std::string_view field;  // "path", or "gateway.url"
  Show show = Show::text;
  bool wide = false;  // only with -o wide
};

// How lists of one kind of object look.
struct View {
  std::string_view name;  // the field that -q prints
  std::span<const Column> columns;
  std::string_view empty;  // said on a terminal when the list is empty: what to do about it
};

struct Answer {
  Json json{};                     // an object, or a list {"items","next","total"}; null: nothing is printed
  const View* view = nullptr;      // null: an object without a name
  std::string text{};              // not empty: what the table formats print instead
  int exit_code = 0;               // 0, 2 for findings, or another program's
  std::optional<Error> failure{};  // what went wrong, where the exit code is not that of its kind
};

// What the daemon answered, to be shown by `view`.
inline Result<Answer> answer(Result<Json> json, const View* view = nullptr) {
  if (!json) return std::unexpected(json.error());
  return Answer{.json = std::move(*json), .view = view};
}

using Action = std::function<Result<Answer>(Session&)>;
using Build = Action (*)(Arguments&);

struct Command {
  std::string_view verb;  // empty: the noun is the command
  std::string_view summary;
  std::string_view examples;  // one a line, the plainest first
  Build build;
  int failure = 0;  // not 0: the exit code of every failure of govctl itself, for it gives another program's
};

// One row of the tree.
struct Noun {
  std::string_view name;
  std::string_view summary;
  std::string_view chapter;  // where top-level help lists it
  std::span<const Command> commands;
};

}  // namespace govctl::cli
