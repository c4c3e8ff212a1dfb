#pragma once
// Starting and stopping govd as a process of this user.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

// govd beside this program, in the build tree next to it, or on PATH.
Result<std::string> find_govd();

// Replaces this process. Returns only to say why it could not.
Error become(const std::string& program, const std::vector<std::string>& arguments);

// Starts `program` in a session of its own, with nothing on stdin and its output appended to `log_file` (made
// 0600).
Result<pid_t> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                             const std::string& log_file);
struct Ended {
  int exit_code = -1;   // -1: a signal ended it
  std::string printed;  // stdout
};
// Runs `program` to its end, with nothing on stdin and this process's stderr, unless `quiet`.
Result<Ended> run_to_end(const std::string& program, const std::vector<std::string>& arguments,
                         bool quiet = false);
// A child's end, if it has ended: "exit code 1", "signal 6".
std::optional<std::string> ended(pid_t child);

// Any process of this user's. The handle keeps meaning the same process even when its number is given to
// another.
class Process {
 public:
  static Result<Process> open(pid_t pid);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  Result<void> terminate() const;
  // False when it still runs after that long.
  [[nodiscard]] bool wait_gone(std::int64_t micros) const;

 private:
  Process(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  int fd_;
  pid_t pid_;
};
// What a process was started with, without the program's name; empty when it cannot be read.
std::vector<std::string> arguments_of(pid_t pid);

// The first line of /proc/PID/cgroup, or empty.
std::string cgroup_of(pid_t pid);
// A unit of systemd's that runs govd.
struct Service {
  std::string name;  // "govd.service"
  bool of_user = false;
  [[nodiscard]] std::vector<std::string> arguments(std::string_view verb) const;  // of systemctl
  [[nodiscard]] std::string command(std::string_view verb) const;                 // as a user types it
};
// The unit that this cgroup is of, when it is one of govd's: systemd then owns the process.
std::optional<Service> service_of(const std::string& cgroup);

// The last `lines` lines of a file from byte `from` on.
std::vector<std::string> last_lines(const std::string& file, std::size_t lines, std::uint64_t from = 0);

}  // namespace govctl::cli
