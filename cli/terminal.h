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
};

}  // namespace govctl::cli
