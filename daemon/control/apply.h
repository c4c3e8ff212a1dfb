#pragma once
// What the applies of an org's and of the platform's document share: the comparison, who may, and how it is
// told.

#include "daemon/control/changes.h"
#include "daemon/control/diff.h"

namespace govctl::control {

// How it is to be done; the same for both documents.
struct ApplyOptions {
  std::optional<std::string> base;
  std::string set;
  bool prune = false;
};
Result<ApplyOptions> options_of(const std::optional<std::string>& base, const std::optional<std::string>& set,
                                const std::optional<bool>& prune);

// Two sides and the plan between them; what the plan points into is here.
struct Comparison {
  Things current, declared;
  std::string base;
  Plan plan;
};
// stale when the plan was to be made against another state; forbidden when the principal may not do all of it.
Result<std::shared_ptr<const Comparison>> compare(Things current, Things declared, const ApplyOptions& options,
                                                  const Made& made, const SecretDiffers& secret_differs,
                                                  const Principal& principal, std::string_view what);
api::Applied shown(const Comparison& comparison);

// What an apply does, under the name of its set: "applied a document to acme: 3 added, 1 changed, 0 deleted".
Result<void> audit_apply(store::Transaction& tx, const Author& author, const Comparison& comparison,
                         Subject subject);

// The document as an answer, without what is null.
void strip_nulls(Json& json);
template <class Document>
Reply document_reply(const Document& document) {
  Json json = api::encode(document);
  strip_nulls(json);
  Reply made;
  made.body = json_text(json);
  return made;
}

}  // namespace govctl::control
