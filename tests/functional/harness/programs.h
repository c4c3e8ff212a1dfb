#pragma once
// What the tests start: the programs of this build, or those that the environment names (GOVD, GOVCTL).

#include <string>

namespace govctl::test {

std::string govd_program();
std::string govctl_program();
// Preloaded, it makes govd's disk wait (slow_disk/).
std::string slow_disk_library();

}  // namespace govctl::test
