#pragma once
// The last step of a restore: what is ready changes places with what is there. Holding the state's lock.

#include <string>
#include <vector>

#include "common/error.h"

namespace govctl {

// Where a restore is made ready, under the state directory.
constexpr std::string_view restore_staging = "restore.part";

// What goes where, in order. A name is below the state directory; a database's name stands for what SQLite and
// the journal keep beside it, too.
struct Swap {
  std::string kept_as;           // the directory, below the state's, that what was there goes to
  std::vector<std::string> in;   // from the staging directory to its place
  std::vector<std::string> out;  // makes room for nothing
};

// From here on the restore is done or goes on being done; finish_restore() does it.
Result<void> commit_swap(const std::string& state_dir, const Swap& swap);

}  // namespace govctl
