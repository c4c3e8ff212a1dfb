#pragma once
// bubblewrap around a program: it sees the machine as it is, less what administers govd. It hides these places;
// it does not wall in what the program writes elsewhere.

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

struct SandboxPlan {
  std::string bwrap;                   // the program
  std::vector<std::string> arguments;  // its own, before the sandboxed command's
};

// What hides the control socket's directory, the daemon's state, and govd's and govctl's configuration with
// their keys, of this user's daemon and of the system's. Tries it once: an error says why bubblewrap cannot do
// it here. `path` is PATH; `here` the working directory, which must not be hidden.
Result<SandboxPlan> plan_sandbox(const std::string& path, const std::string& socket,
                                 const std::string& state_dir, const std::string& here);

// The sandboxed command's process below bubblewrap's, for signals: bubblewrap passes none on.
std::vector<pid_t> sandboxed(pid_t bwrap);

// The arguments that hide `directories` and `files` where they exist. For plan_sandbox() and its tests.
std::vector<std::string> hiding(const std::vector<std::string>& directories,
                                const std::vector<std::string>& files);

}  // namespace govctl::cli
