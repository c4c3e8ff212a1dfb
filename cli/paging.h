#pragma once
// --limit, --all, --filter, --sort, --since, --until and --watch: what every list takes, in one place. The
// daemon knows limits and, of its long lists, times; the rest is done here, on the whole list.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "common/api/fields.h"
#include "common/clock.h"

namespace govctl::cli {

using api::Json;

struct Paging {
  // Who looks after --since and --until: the daemon, by query parameters; this side, by the items' created_at;
  // or nobody, for what has no time.
  enum class Times { daemon, here, none };

  std::optional<std::string> limit, sort, since, until;
  std::vector<std::string> filters;
  bool all = false, watch = false;
  Times times = Times::here;

  void declare(Arguments& arguments, Times who = Times::here);
  // Wrong spellings of any of them: before the daemon is asked.
  [[nodiscard]] Result<void> check() const;
  // The number of items to ask for; empty for all of them, where the list has to be shaped first, too.
  [[nodiscard]] Result<std::optional<std::size_t>> wanted() const;
  // The whole list filtered, sorted and cut. "next" is null when nothing was cut off.
  [[nodiscard]] Result<Json> shaped(Json whole, Timestamp now) const;
  [[nodiscard]] bool shapes() const;
};

}  // namespace govctl::cli
