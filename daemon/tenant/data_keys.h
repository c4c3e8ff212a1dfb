#pragma once
// Private to the tenant room: an org's data keys, under the keyring's master keys.

#include <map>

#include "daemon/domain/config.h"
#include "daemon/secrets/secrets.h"
#include "daemon/store/writer.h"

namespace govctl::tenant {

// None while the keyring is sealed.
Result<std::map<std::int64_t, secrets::DataKey>> open_data_keys(const secrets::Keyring& keyring,
                                                                const domain::OrgConfig& config);
// Those that are under an older master key than the newest; how many that were.
Result<std::int64_t> rewrap_data_keys(store::Transaction& tx, const secrets::Keyring& keyring,
                                      const OrgId& org);

}  // namespace govctl::tenant
