#pragma once
// What govctl sees of the world around it. Tests build one of strings.

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

namespace govctl::cli {

struct Terminal {
  std::istream& in;
  std::ostream& out;  // the answer, and nothing else
  std::ostream& err;  // errors, notes, questions, traces
  bool in_is_tty = false;
  bool out_is_tty = false;
  bool err_is_tty = false;
  std::function<std::optional<std::string>(const char*)> env;
  int rows = 0;  // of the terminal that `out` is; 0: it is none
  // Shows a long answer through the command; false: it could not be started. Null: there is no pager.
  std::function<bool(const std::string& command, const std::string& text)> page{};
  // Waits until a watched list is to be looked at again; false ends the watch. Null: one look is all.
  std::function<bool()> pause{};
};

}  // namespace govctl::cli
