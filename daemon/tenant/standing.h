#pragma once
#include <memory>

#include "daemon/domain/remedy.h"
#include "daemon/tenant/snapshot.h"

namespace govctl::tenant {

// The names of what is above the key, as they are now; of what is gone, its id.
domain::Standing standing_of(const std::shared_ptr<const Snapshot>& snapshot, const domain::Scope& scope);

}  // namespace govctl::tenant
