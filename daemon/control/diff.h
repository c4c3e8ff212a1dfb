#pragma once
// What has to be done so that what is there becomes what is declared. Pure.

#include <functional>
#include <set>

#include "daemon/control/declared.h"

namespace govctl::control {

enum class Action : std::uint8_t { add, change, remove };

// Points into the two lists that were compared.
struct Change {
  Action action = Action::add;
  const Thing* before = nullptr;
  const Thing* after = nullptr;
  std::vector<api::FieldChange> fields;
  bool along = false;   // it goes with the unit that it hangs on or is below of
  bool secret = false;  // of a credential: it gets another
  [[nodiscard]] const Thing& thing() const { return after == nullptr ? *before : *after; }
};

struct Plan {
  std::vector<Change> changes;     // by address
  std::vector<const Thing*> rest;  // there, not declared, and left alone
  [[nodiscard]] std::int64_t count(Action action) const;
};

// Types and ids of what an earlier apply of the set made.
using Made = std::set<std::pair<std::string, std::string>>;
// Whether a declared credential (and the stored one, when it is there) gets a secret that differs.
using SecretDiffers = std::function<bool(const Thing* stored, const Thing& declared)>;

// Of what is not declared only what is in `made` is removed: a workspace, group or agent where all units below
// it are so too, its keys, policies and budgets then with it, whoever made them.
Plan diff(const Things& current, const Things& declared, const Made& made, const SecretDiffers& secret_differs);

}  // namespace govctl::control
