#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/commands/proof.h"
#include "cli/session.h"
#include "common/api/ledger.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"WHEN", "created_at", Show::time},
                             Column{"ACTOR", "actor"},
                             Column{"EVENT", "event_type"},
                             Column{"RESOURCE", "resource_name"},
                             Column{"DESCRIPTION", "description"},
                             Column{"SEQ", "seq", Show::number, true},
                             Column{"KIND", "actor_kind", Show::text, true},
                             Column{"TYPE", "resource_type", Show::text, true},
                             Column{"RESOURCE ID", "resource_id", Show::text, true},
                             Column{"REQUEST", "request_id", Show::text, true},
                             Column{"CORRELATION", "correlation_id", Show::text, true},
                             Column{"METADATA", "metadata", Show::text, true},
                             Column{"HASH", "hash", Show::text, true}};
constexpr View view{"id", columns, ""};

// An org's log, or the platform's.
struct Log {
  std::optional<std::string> org;
  bool platform = false;
  void declare(Arguments& a) {
    a.positional("ORG", org, "Slug or id");
    a.flag("--platform", platform, "The platform's own log: orgs, providers, prices");
  }
};

Action list(Arguments& a) {
  struct Input : Log {
    std::optional<std::string> actor, event, resource, since, until;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  in->declare(a);
  a.option("--actor", "NAME", in->actor, "Only what this one did");
  a.option("--event", "TYPE", in->event, "Only these events: policy.create");
  a.option("--resource", "NAME", in->resource, "Only what was done to this");
  a.option("--since", "TIME", in->since, "From then on: 24h, 7d, 2026-11-21T09:30:00Z");
  a.option("--until", "TIME", in->until, "Before then");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    if (in->org.has_value() == in->platform) {
      return fail(Code::invalid, "name an ORG, or --platform for the platform's own log",
                  "govctl help audit list");
    }
    std::string url = "/audit";
    if (in->org) {
      auto org = s.org(*in->org);
      if (!org) return std::unexpected(org.error());
      url = "/orgs/" + segment(*org) + "/audit";
    }
    if (auto ok = check_instant("--since", in->since); !ok) return std::unexpected(ok.error());
    if (auto ok = check_instant("--until", in->until); !ok) return std::unexpected(ok.error());
    Query query;
    add(query, "actor", in->actor);
    add(query, "event", in->event);
    add(query, "resource", in->resource);
    add(query, "since", in->since);
    add(query, "until", in->until);
    return answer(s.list(url, query, in->paging), &view);
  };
}

Action verify(Arguments& a) {
  auto in = std::make_shared<std::optional<std::string>>();
  a.positional("ORG", *in, "Slug or id (default: all orgs and the platform)");
  return [in](Session& s) -> Result<Answer> {
    std::optional<std::string> org;
    if (*in) {
      auto path = s.org(**in);
      if (!path) return std::unexpected(path.error());
      org = *path;
    }
    return prove(s, org, "audit_logs");
  };
}

constexpr std::array commands{
    Command{"list", "Show changes and calls, newest first",
            "govctl audit list acme\ngovctl audit list acme --event policy.create --since 7d\n"
            "govctl audit list --platform",
            list},
    Command{"verify", "Prove that no audit row was changed (exit 2 if one was)", "govctl audit verify acme",
            verify}};

}  // namespace

std::span<const Command> audit_commands() { return commands; }

}  // namespace govctl::cli
