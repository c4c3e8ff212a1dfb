#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/commands/anchors.h"
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
  [[nodiscard]] Result<std::string> url(const Session& s, std::string_view of_org, std::string_view of_platform,
                                        std::string_view verb) const {
    if (org.has_value() == platform) {
      return fail(Code::invalid, "name an ORG, or --platform for the platform's own log",
                  fmt::format("govctl help audit {}", verb));
    }
    if (platform) return std::string(of_platform);
    auto path = s.org(*org);
    if (!path) return path;
    return "/orgs/" + segment(*path) + std::string(of_org);
  }
  [[nodiscard]] Result<std::string> url(const Session& s, std::string_view verb) const {
    return url(s, "/audit", "/audit", verb);
  }
};

// What of a log.
struct Which {
  std::optional<std::string> actor, event, resource;
  void declare(Arguments& a) {
    a.option("--actor", "NAME", actor, "Only what this one did");
    a.option("--event", "TYPE", event, "Only these events: policy.create, or agent.* for all of a kind");
    a.option("--resource", "NAME", resource, "Only what was done to this");
  }
  [[nodiscard]] Query query() const {
    Query query;
    add(query, "actor", actor);
    add(query, "event", event);
    add(query, "resource", resource);
    return query;
  }
};

Action list(Arguments& a) {
  struct Input : Log, Which {
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  in->Log::declare(a);
  in->Which::declare(a);
  in->paging.declare(a, Paging::Times::daemon);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s, "list");
    if (!url) return std::unexpected(url.error());
    return answer(s.list(*url, in->query(), in->paging), &view);
  };
}

Action tail(Arguments& a) {
  struct Input : Log, Which {
    std::optional<std::string> lines;
    bool follow = false;
    std::string since;  // of a look that is not the first
  };
  auto in = std::make_shared<Input>();
  in->Log::declare(a);
  in->Which::declare(a);
  a.flag("-f,--follow", in->follow, "Go on with what comes, until interrupted");
  a.option("--lines", "N", in->lines, "The last N of them first (default 10)");
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s, "tail");
    if (!url) return std::unexpected(url.error());
    auto lines = whole_number("--lines", in->lines.value_or("10"));
    if (!lines) return std::unexpected(lines.error());
    if (*lines < 1) return fail(Code::invalid, "--lines: at least 1");
    Query query = in->query();
    if (!in->since.empty()) query.emplace_back("since", in->since);
    constexpr std::size_t most_between_looks = 1000;
    auto found = s.list(
        *url, query, std::optional(in->since.empty() ? static_cast<std::size_t>(*lines) : most_between_looks));
    if (!found) return std::unexpected(found.error());
    Json& items = (*found)["items"];
    std::reverse(items.begin(), items.end());
    if (!items.empty()) in->since = items.back().value("created_at", std::string());
    (*found)["next"] = nullptr;  // what is older was not asked for
    if (in->follow) s.follow();
    return Answer{.json = std::move(*found), .view = &view};
  };
}

Action export_rows(Arguments& a) {
  struct Input : Log, Which {};
  auto in = std::make_shared<Input>();
  in->Log::declare(a);
  in->Which::declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s, "export");
    if (!url) return std::unexpected(url.error());
    if (auto done = s.stream_list(*url, in->query()); !done) return std::unexpected(done.error());
    return Answer{};
  };
}

Action anchor(Arguments& a) {
  struct Input : Log {
    std::optional<std::string> to;
  };
  auto in = std::make_shared<Input>();
  in->declare(a);
  a.option("--to", "WHERE", in->to,
           "Send each anchor as a JSON line too: to a FILE (appended), to journald, or to '|COMMAND'");
  return [in](Session& s) -> Result<Answer> {
    auto url = in->url(s, "/anchors", "/audit/anchors", "anchor");
    if (!url) return std::unexpected(url.error());
    auto anchors = s.post(*url, std::nullopt);
    if (!anchors) return std::unexpected(anchors.error());
    if (in->to && !s.settings().dry_run) {
      if (auto sent = send_anchors((*anchors)["items"], *in->to); !sent) return std::unexpected(sent.error());
    }
    return Answer{.json = std::move(*anchors), .view = &anchor_view()};
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
    Command{"tail", "Show the last changes and calls, and go on with -f",
            "govctl audit tail acme\ngovctl audit tail acme --event 'policy.*' --lines 3\n"
            "govctl audit tail acme -f",
            tail},
    Command{"verify", "Prove that no audit row was changed (exit 2 if one was)", "govctl audit verify acme",
            verify},
    Command{"export", "Write the whole log as JSON lines, newest first",
            "govctl audit export acme > acme-audit.jsonl\ngovctl audit export --platform > audit.jsonl",
            export_rows},
    Command{"anchor", "Sign the log's head now, and send the signature elsewhere",
            "govctl audit anchor acme\ngovctl audit anchor acme --to acme.anchors\n"
            "govctl audit anchor --platform --to '|tee -a platform.anchors'",
            anchor}};

}  // namespace

std::span<const Command> audit_commands() { return commands; }

}  // namespace govctl::cli
