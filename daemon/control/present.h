#pragma once
// Rows as the control API shows them.

#include "common/api/keys.h"
#include "common/api/ledger.h"
#include "common/api/orgs.h"
#include "common/api/platform.h"
#include "common/api/rules.h"
#include "daemon/control/context.h"

namespace govctl::control {

api::Org shown(const domain::Org& org);
api::BillingGroup shown_group(const domain::Org& org, Credits balance);
api::Unit shown(const domain::Workspace& workspace, const std::string& path);
api::Unit shown(const domain::AgentGroup& group, const std::string& path);
api::Agent shown(const domain::Agent& agent, const std::string& path, bool exhausted);
// Without the secret, which only its maker has.
api::Key shown(const domain::ApiKey& key, const std::string& agent_path, Timestamp now);
api::Credential shown(const domain::Credential& credential, const std::string& org_slug);
// `path`: of the node that it hangs on; of a key, its agent's.
api::Policy shown(const domain::Policy& policy, const std::string& path);
api::Budget shown(const domain::Budget& budget, const std::string& path, const tenant::Spend& spend,
                  Timestamp now);
api::Alias shown(const domain::ModelAlias& alias, const std::string& org_slug);
api::Provider shown(const domain::Provider& provider);
api::ModelPricing shown(const domain::ModelPrice& model);
api::Entry shown(const store::StoredEntry& stored);
api::UsageEvent shown(const store::StoredEvent& stored, const tenant::Snapshot& snapshot);
api::AuditRow shown(const store::StoredAudit& stored);

std::string hash_text(const domain::Hash& hash);

}  // namespace govctl::control
