#pragma once
// Making an org, which POST /orgs and POST /groups both do; and its balance, which both show.

#include "common/api/ledger.h"
#include "daemon/control/context.h"
#include "daemon/control/resolve.h"

namespace govctl::control {

struct NewOrg {
  std::string name, description;
  std::optional<std::string> slug;
  std::int64_t credits_per_usd = 100;
  std::optional<Credits> overdraft = Credits::of(0);
};
// Checks it, fills `org` in and makes it with its audit row. The Reply is empty; an Error is the answer.
Answer make_org(Request& request, NewOrg wanted, domain::Org& org);

api::Balance balance_of(const OrgAt& at);

}  // namespace govctl::control
