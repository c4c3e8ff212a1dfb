#pragma once
// Another program run to its end in govctl's place: same terminal, same job, its signals and its exit code.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

// The file that `program` names, looked for on `path` ("/bin:/usr/bin") when it has no slash. Code::not_found,
// or forbidden when it cannot be executed.
Result<std::string> find_program(const std::string& program, const std::string& path);

struct ChildPlan {
  std::string file;                      // what is executed
  std::vector<std::string> words;        // its argv, with its name
  std::vector<std::string> environment;  // "NAME=value"
  // Whom a signal that was sent to govctl alone is for; default: the child.
  std::function<std::vector<pid_t>(pid_t child)> targets{};
};

struct ChildEnd {
  int exit_code = 0;  // 128 + the signal's number when one ended it
  int signal = 0;     // not 0: it was ended by that
};

// Starts it and waits. What a terminal sends (Ctrl-C, Ctrl-Z, a new size) goes to the whole job by itself; what
// another process sends to govctl is passed on. When the child stops, govctl stops, and goes on with it. `tick`
// is called every few seconds. The calling process must have no other thread.
Result<ChildEnd> run_child(const ChildPlan& plan, const std::function<void()>& tick);

}  // namespace govctl::cli
