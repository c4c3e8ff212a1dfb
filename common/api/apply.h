#pragma once
// Carrying out a document: POST /orgs/{org}/apply and POST /platform/apply. With dry_run=1 the answer is the
// plan.

#include "common/api/document.h"
#include "common/api/keys.h"

namespace govctl::api {

// The secret of one of the document's credentials, resolved.
struct AppliedSecret {
  std::int64_t credential = 0;
  std::string secret;
  static constexpr auto fields() {
    return std::tuple{field("credential", &AppliedSecret::credential, "its place among the document's, from 0"),
                      field("secret", &AppliedSecret::secret)};
  }
};

struct OrgApply {
  OrgDocument document;
  std::optional<std::vector<AppliedSecret>> secrets;
  std::optional<std::string> base, set;
  std::optional<bool> prune;
  static constexpr auto fields() {
    return std::tuple{
        field("document", &OrgApply::document),
        field("secrets", &OrgApply::secrets, "of the document's credentials; never readable again"),
        field("base", &OrgApply::base, "of the plan that was reviewed: stale when the org is another by now"),
        field("set", &OrgApply::set, "a name for what the document declares; kept with what is made"),
        field("prune", &OrgApply::prune,
              "delete what an earlier apply of the set made and the document lacks")};
  }
};
struct PlatformApply {
  PlatformDocument document;
  std::optional<std::string> base, set;
  std::optional<bool> prune;
  static constexpr auto fields() {
    return std::tuple{
        field("document", &PlatformApply::document),
        field("base", &PlatformApply::base, "of the plan that was reviewed: stale when it is another by now"),
        field("set", &PlatformApply::set, "a name for what the document declares; kept with what is made"),
        field("prune", &PlatformApply::prune,
              "delete what an earlier apply of the set made and the document lacks")};
  }
};

struct FieldChange {
  std::string field;
  Json before, after;  // of a secret: null and "replaced"
  static constexpr auto fields() {
    return std::tuple{api::field("field", &FieldChange::field), api::field("before", &FieldChange::before),
                      api::field("after", &FieldChange::after)};
  }
};
struct Change {
  std::string action, kind, path;
  std::optional<std::string> key, name;
  std::vector<FieldChange> changed;
  static constexpr auto fields() {
    return std::tuple{
        field("action", &Change::action, "add, change or delete; keep: what the document lacks and stays"),
        field("kind", &Change::kind, "org, workspace, group, agent, key, policy, budget, alias, credential, …"),
        field("path", &Change::path, "of the thing, or of what it hangs on"),
        field("key", &Change::key, "the name of the key that it hangs on"),
        field("name", &Change::name, "where the path does not name it: of a budget its period"),
        field("changed", &Change::changed, "what differs; of what is added, what is not the default")};
  }
};
struct Applied {
  std::string base;
  std::int64_t added = 0, changed = 0, deleted = 0, kept = 0;
  std::vector<Change> changes, rest;
  std::vector<Key> keys;
  static constexpr auto fields() {
    return std::tuple{
        field("base", &Applied::base, "what the changes were made against; an apply of this plan names it"),
        field("added", &Applied::added),
        field("changed", &Applied::changed),
        field("deleted", &Applied::deleted),
        field("kept", &Applied::kept, "what is there, but not in the document, and stays"),
        field("changes", &Applied::changes),
        field("rest", &Applied::rest, "what is kept"),
        field("keys", &Applied::keys, "those that were made, with their secrets: only in this answer")};
  }
};

}  // namespace govctl::api
