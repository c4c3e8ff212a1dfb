#include "common/api/keys.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/secret_input.h"
#include "cli/session.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"ID", "id"},
                             Column{"NAME", "name"},
                             Column{"KEY ENDS", "suffix"},
                             Column{"STATUS", "status", Show::state},
                             Column{"LIMIT", "limit", Show::number},
                             Column{"SPENT", "spent", Show::number},
                             Column{"EXPIRES", "expires_at", Show::time},
                             Column{"CREATED", "created_at", Show::time},
                             Column{"AGENT", "agent", Show::text, true},
                             Column{"REVOKED", "revoked_at", Show::time, true},
                             Column{"REASON", "revoke_reason", Show::text, true}};
constexpr View view{"id", columns, "govctl key create AGENT --name NAME"};

std::string keys_url(const std::string& agent) { return "/agents/" + segment(agent) + "/keys"; }

// The URL of a key, whose agent the daemon knows.
Result<std::string> key_url(Session& s, const std::string& id) {
  auto key = s.get("/keys/" + segment(id));
  if (!key) return std::unexpected(key.error());
  return keys_url(key->value("agent", std::string())) + "/" + segment(id);
}

// Makes a key by `ask`; its secret goes to the answer, or into `file` alone.
template <class Ask>
Result<Answer> new_key(Session& s, const std::optional<std::string>& file, Ask&& ask) {
  std::optional<SecretFile> place;
  if (file && !s.settings().dry_run) {
    auto made = SecretFile::create(*file);
    if (!made) return std::unexpected(made.error());
    place.emplace(std::move(*made));
  }
  Result<Json> key = ask();
  if (!key) return std::unexpected(key.error());
  if (place) {
    if (auto stored = place->store(key->value("key", std::string())); !stored) {
      Error error = stored.error();
      error.next = "govctl key revoke " + key->value("id", std::string());
      return std::unexpected(error);
    }
    key->erase("key");
    s.note(fmt::format("the key is in {}", *file));
  } else if (!s.settings().dry_run) {
    s.note("the key is shown this once: store it now");
  }
  return Answer{.json = std::move(*key), .view = &view};
}

Action create(Arguments& a) {
  struct Input {
    std::string agent, name;
    std::optional<std::string> ttl, expires_at, limit, limit_usd, file;
  };
  auto in = std::make_shared<Input>();
  a.positional("AGENT", in->agent, "The agent's path or id");
  a.required("--name", "NAME", in->name, "Where the key is used: laptop, ci");
  a.option("--ttl", "D", in->ttl, "It expires after this long: 24h, 30d");
  a.option("--expires-at", "TIME", in->expires_at, "It expires then: 2026-11-21T09:30:00Z");
  a.option("--limit", "N", in->limit, "Credits that it may spend in all");
  a.option("--limit-usd", "USD", in->limit_usd, "The same in dollars: 5 or 0.25");
  a.option("--secret-file", "FILE", in->file, "Write the key there (mode 0600) and do not print it");
  return [in](Session& s) -> Result<Answer> {
    auto agent = s.path(in->agent, {Level::agent});
    if (!agent) return std::unexpected(agent.error());
    api::KeyCreate body{.name = in->name,
                        .ttl = in->ttl,
                        .expires_at = in->expires_at,
                        .limit = {},
                        .limit_usd = in->limit_usd};
    if (in->limit) {
      auto limit = whole_number("--limit", *in->limit);
      if (!limit) return std::unexpected(limit.error());
      body.limit = *limit;
    }
    return new_key(s, in->file, [&] { return s.post(keys_url(*agent), without_nulls(api::encode(body))); });
  };
}

Action list(Arguments& a) {
  struct Input {
    std::string agent;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("AGENT", in->agent, "The agent's path or id");
  in->paging.declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto agent = s.path(in->agent, {Level::agent});
    if (!agent) return std::unexpected(agent.error());
    return answer(s.list(keys_url(*agent), {}, in->paging), &view);
  };
}

Action get(Arguments& a) {
  auto id = std::make_shared<std::string>();
  a.positional("ID", *id, "The key's id", Names::key);
  return [id](Session& s) -> Result<Answer> { return answer(s.get("/keys/" + segment(*id)), &view); };
}

Action set(Arguments& a) {
  struct Input {
    std::string id;
    std::optional<std::string> name, limit, expires_at;
  };
  auto in = std::make_shared<Input>();
  a.positional("ID", in->id, "The key's id");
  a.option("--name", "NAME", in->name, "Where the key is used: laptop, ci");
  a.option("--limit", "N", in->limit, "Credits that it may spend in all; none: no limit");
  a.option("--expires-at", "TIME", in->expires_at, "It expires then: 2026-11-21T09:30:00Z; none: never");
  return [in](Session& s) -> Result<Answer> {
    Json changes = Json::object();
    if (in->name) changes["name"] = *in->name;
    if (in->expires_at) changes["expires_at"] = *in->expires_at == "none" ? Json() : Json(*in->expires_at);
    if (in->limit == "none") {
      changes["limit"] = nullptr;
    } else if (in->limit) {
      auto limit = whole_number("--limit", *in->limit);
      if (!limit) return std::unexpected(limit.error());
      changes["limit"] = *limit;
    }
    if (changes.empty()) return fail(Code::invalid, "nothing to change", "govctl help key set");
    auto url = key_url(s, in->id);
    if (!url) return std::unexpected(url.error());
    return answer(s.patch(*url, std::move(changes)), &view);
  };
}

Action rotate(Arguments& a) {
  struct Input {
    std::string id;
    std::optional<std::string> grace, file;
  };
  auto in = std::make_shared<Input>();
  a.positional("ID", in->id, "The key's id", Names::key);
  a.option("--grace", "D", in->grace,
           "The old key works for this long beside the new one: 1h (default: not at all)");
  a.option("--secret-file", "FILE", in->file, "Write the new key there (mode 0600) and do not print it");
  return [in](Session& s) -> Result<Answer> {
    auto url = key_url(s, in->id);
    if (!url) return std::unexpected(url.error());
    const api::KeyRotate body{.grace = in->grace};
    return new_key(s, in->file, [&] { return s.post(*url + "/rotate", without_nulls(api::encode(body))); });
  };
}

Action revoke(Arguments& a) {
  struct Input {
    std::string id;
    std::optional<std::string> reason;
  };
  auto in = std::make_shared<Input>();
  a.positional("ID", in->id, "The key's id", Names::key);
  a.option("--reason", "TEXT", in->reason, "Why; kept with the key and in the audit log");
  return [in](Session& s) -> Result<Answer> {
    if (auto sure = s.confirm(fmt::format("revoke the key {}", in->id)); !sure) {
      return std::unexpected(sure.error());
    }
    auto url = key_url(s, in->id);
    if (!url) return std::unexpected(url.error());
    Query query;
    add(query, "reason", in->reason);
    return answer(s.remove(*url, std::move(query)), &view);
  };
}

constexpr std::array commands{
    Command{
        "create", "Make a key for an agent; it is shown once",
        "govctl key create acme/prod/support/triage --name laptop\n"
        "govctl key create acme/prod/support/triage --name ci --ttl 24h --limit 500000 --secret-file ci.key",
        create},
    Command{"list", "Show an agent's keys", "govctl key list acme/prod/support/triage", list},
    Command{"get", "Show one key", "govctl key get 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", get},
    Command{"set", "Change a key's name, limit or expiry",
            "govctl key set 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --limit 500000", set},
    Command{"rotate", "Replace a key by a new one",
            "govctl key rotate 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --grace 1h", rotate},
    Command{"revoke", "End a key now", "govctl key revoke 01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --reason leaked",
            revoke}};

}  // namespace

std::span<const Command> key_commands() { return commands; }

}  // namespace govctl::cli
