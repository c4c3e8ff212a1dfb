#pragma once
// What a document declares and what a file holds, as one flat list of things that can be compared: the rows of
// the store, each with the address by which it is the same thing on both sides. No I/O.

#include <compare>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/api/apply.h"
#include "daemon/control/context.h"

namespace govctl::control {

// In the order in which things of one path are made.
enum class Kind : std::uint8_t {
  org,
  workspace,
  group,
  agent,
  key,
  policy,
  budget,
  alias,
  credential,
  provider,
  model,
};
std::string_view kind_word(Kind kind);

struct Address {
  Kind kind = Kind::org;
  std::string path;  // of the thing, or of what it hangs on; empty on the platform
  std::string key;   // the name of the key that it hangs on
  std::string name;  // where the path does not name it
  bool operator==(const Address&) const = default;
  // Parents before children, and what hangs on a path right behind it.
  std::strong_ordering operator<=>(const Address& other) const;
  // "budget acme/prod DAILY", "policy acme/prod/support/triage key ci strict".
  [[nodiscard]] std::string text() const;
};

// Several credentials of one provider and label are told apart by their order.
class CredentialNames {
 public:
  std::string next(const std::string& provider, const std::string& label) {
    std::string name = label.empty() ? provider : provider + " " + label;
    const int nth = ++seen_[name];
    return nth == 1 ? name : fmt::format("{} #{}", name, nth);
  }

 private:
  std::map<std::string, int> seen_;
};

using Row = std::variant<domain::Org, domain::Workspace, domain::AgentGroup, domain::Agent, domain::ApiKey,
                         domain::Policy, domain::Budget, domain::ModelAlias, domain::Credential,
                         domain::Provider, domain::ModelPrice>;

struct Thing {
  Address at;
  Row row;            // of a document: without ids, parents and times
  std::string where;  // in the document, as a JSON pointer: "/workspaces/0/budgets/1"
};
using Things = std::vector<Thing>;  // by address

// What two sides are compared by: defaults filled in, lists without an order sorted, prices per million, limits
// in credits.
Json fields_of(const Thing& thing);
// The resource's type and id in the audit log.
std::pair<std::string, std::string> identity_of(const Thing& thing);
// Of these things, which no two have in common unless they are the same: what a plan is made against.
std::string base_of(const Things& current);

// What is there. Keys that were revoked or rotated are not, nor what hangs on them.
Things things_of(const tenant::Snapshot& snapshot);
Things things_of(const domain::PlatformConfig& platform);
// What is declared. invalid or unprocessable, with the place as {"at"} in the details. `credits_per_usd`: the
// org's as it is, when it is there.
Result<Things> things_of(const api::OrgDocument& document, const domain::PlatformConfig& platform,
                         const std::optional<std::int64_t>& credits_per_usd);
Result<Things> things_of(const api::PlatformDocument& document);
// The error as one of that place in the document.
std::unexpected<Error> at_place(const Error& error, const std::string& where);

// What is there, as a document without what is the default.
api::OrgDocument document_of(const tenant::Snapshot& snapshot);
api::PlatformDocument document_of(const domain::PlatformConfig& platform);

}  // namespace govctl::control
