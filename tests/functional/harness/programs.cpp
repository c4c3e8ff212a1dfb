#include "tests/functional/harness/programs.h"

#include <cstdlib>

namespace govctl::test {
namespace {

std::string named_or(const char* variable, const char* built) {
  const char* named = std::getenv(variable);
  return named != nullptr ? named : built;
}

}  // namespace

std::string govd_program() { return named_or("GOVD", GOVD_PROGRAM); }
std::string govctl_program() { return named_or("GOVCTL", GOVCTL_PROGRAM); }
std::string slow_disk_library() { return GOVD_SLOW_DISK; }

}  // namespace govctl::test
