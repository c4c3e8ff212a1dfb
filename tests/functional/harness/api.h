#pragma once
// The control API in few words, for tests of what it stores.

#include <string>
#include <string_view>
#include <vector>

#include "tests/functional/harness/daemon.h"

namespace govctl::test {

struct Api {
  TestDaemon daemon;

  Json make(std::string_view method, std::string_view target, const Json& body) {
    return daemon.expect(201, method, target, body);
  }
  Json done(std::string_view method, std::string_view target, const Json& body = {}) {
    return daemon.expect(200, method, target, body);
  }
  Json get(std::string_view target) { return daemon.get(target); }

  // The event types of an org's audit log, oldest first.
  std::vector<std::string> audited(const std::string& org) {
    std::vector<std::string> types;
    for (const Json& row : daemon.audit(org)) types.insert(types.begin(), row["event_type"].get<std::string>());
    return types;
  }
};

inline std::vector<std::string> names(const Json& list, const char* field) {
  std::vector<std::string> all;
  for (const Json& item : list["items"]) all.push_back(item[field]);
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace govctl::test
