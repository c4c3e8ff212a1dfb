#pragma once
// A call by its request id, which does not tell its org.

#include "daemon/control/context.h"
#include "daemon/control/resolve.h"

namespace govctl::control {

struct CallAt {
  OrgAt at;
  store::StoredEvent stored;
};
// Looks into each org's file. not_found: no org has it.
asio::awaitable<Result<CallAt>> find_call(Request& request, std::string id);

}  // namespace govctl::control
