#pragma once
// Another master key (60-security.md "Secrets"; secrets/masters.h has the order of its steps), and the master
// key of a daemon that started sealed.

#include <functional>
#include <string>
#include <vector>

#include "daemon/tenant/registry.h"

namespace govctl::tenant {

struct MasterRotation {
  std::string previous, current;  // fingerprints
  std::int64_t orgs = 0, data_keys = 0;
  std::vector<std::string>
      left_out;  // orgs whose files cannot be written now: their data keys are as they were
  bool old_destroyed = false;
};

// `audit` makes an org's audit row. The old key is destroyed only where nothing was left out. Cut by a crash,
// the next one goes on. unavailable: sealed; conflict: the master key is not ours to replace.
asio::awaitable<Result<MasterRotation>> rotate_master_key(
    Registry& registry, const secrets::Secret* passphrase, bool destroy_old,
    std::function<domain::AuditRecord(const std::string&)> audit);

struct Unsealed {
  std::int64_t orgs = 0;
  std::vector<std::string> left_out;  // orgs whose data keys are under a master key that is not open
};
asio::awaitable<Result<Unsealed>> unseal(Registry& registry, const secrets::Secret& passphrase);

}  // namespace govctl::tenant
