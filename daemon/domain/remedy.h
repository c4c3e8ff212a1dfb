#pragma once
// The smallest changes that would have let a refused call through as it was asked, each with the govctl command
// that makes it. All of them together are needed: a model that two policies forbid has two.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/domain/admission.h"

namespace govctl::domain {

struct PolicyAddress {
  std::string path, name;
  std::string key;  // the key's id, where it hangs on a key of the agent at `path`
};

// The names that commands need.
struct Standing {
  std::array<std::string, level_count> paths;  // from the org down; of the key: its agent's
  std::string key;                             // the key's id, or empty
  // The policy that a rule's source ("acme/prod: default") names; empty when it is there no more.
  std::function<std::optional<PolicyAddress>(const std::string& source)> policy;
};

struct Change {
  std::string what;
  std::string command;  // empty: it is the caller's to change
};
std::vector<Change> changes_for(const Refusal& refusal, const Rules& rules, const Standing& standing);

}  // namespace govctl::domain
