#pragma once
// What policies and budgets have in common: they hang on a path, and `set` makes or changes one.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/session.h"

namespace govctl::cli {

// A path of any of the four levels, or an id.
Result<std::string> any_path(const Session& s, std::string_view text);
// POSTs `creation`; when the daemon says that it exists, PATCHes that one with `changes`.
Result<Json> create_or_change(Session& s, const std::string& collection, Json creation, Json changes);
// The id that `text` is, or of the one object that hangs on exactly the path `text` and that `fits`.
Result<std::string> id_of(Session& s, const std::string& collection, std::string_view text,
                          const std::function<bool(const Json&)>& fits);
// GET `collection`, of `path` and below when given.
Result<Json> list_below(Session& s, const std::string& collection, const std::optional<std::string>& path,
                        const Paging& paging);

}  // namespace govctl::cli
