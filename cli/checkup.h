#pragma once
// What govctl looks at on this machine for `doctor`: files, modes, sockets, room. One row of a table is one
// look; a finding that is safe to mend brings the mending along.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/api/operations.h"
#include "common/error.h"
#include "common/paths.h"

namespace govctl::cli {

struct Finding {
  api::Check check;
  std::function<Result<void>()> mend{};  // empty: not ours to mend
};

// Where to look, and what is known already.
struct Machine {
  std::string state_dir, keys_dir, config_file, socket;
  bool running = false;  // a daemon answers on the socket
  std::string gateway;   // its URL, when it does
  std::vector<Finding> findings{};

  void ok(std::string_view check, std::string why);
  void found(std::string_view check, std::string_view state, std::string why, std::string fix,
             std::function<Result<void>()> mend = {});
};

// All of the table, in its order.
void look_at(Machine& machine);

}  // namespace govctl::cli
