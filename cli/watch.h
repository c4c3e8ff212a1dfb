#pragma once
// A list that is looked at again and again: redrawn on a terminal, and in a pipe only what is new.

#include <string>
#include <unordered_set>

#include "cli/command.h"

namespace govctl::cli {

class Watch {
 public:
  // The answer without the items that were there, just so, at an earlier look.
  Answer fresh(Answer answer);
  [[nodiscard]] bool began() const { return looks_ > 1; }

 private:
  std::unordered_set<std::string> seen_;
  int looks_ = 0;
};

}  // namespace govctl::cli
