#include "common/api/ledger.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/commands/proof.h"
#include "cli/session.h"
#include "common/money.h"

namespace govctl::cli {
namespace {

using Show = Column::Show;
constexpr std::array columns{Column{"SEQ", "seq", Show::number},
                             Column{"WHEN", "created_at", Show::time},
                             Column{"TYPE", "type"},
                             Column{"AMOUNT", "amount", Show::number},
                             Column{"BALANCE", "balance_after", Show::number},
                             Column{"REQUEST", "request_id"},
                             Column{"ACTOR", "actor", Show::text, true},
                             Column{"ID", "id", Show::text, true},
                             Column{"METADATA", "metadata", Show::text, true},
                             Column{"IDEMPOTENCY KEY", "idempotency_key", Show::text, true},
                             Column{"HASH", "hash", Show::text, true}};
constexpr View view{"id", columns, "govctl ledger purchase ORG N"};

Result<std::int64_t> amount_of(const std::string& text) {
  auto credits = Credits::parse(text);
  if (!credits) return std::unexpected(credits.error());
  return credits->value();
}

Action purchase(Arguments& a) {
  struct Input {
    std::string org, amount;
    std::optional<std::string> reference, key;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.positional("N", in->amount, "Credits, in decimal digits");
  a.option("--reference", "TEXT", in->reference, "An invoice number or the like");
  a.option("--idempotency-key", "KEY", in->key, "The same key again buys nothing again");
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    auto amount = amount_of(in->amount);
    if (!amount) return std::unexpected(amount.error());
    const api::Purchase body{
        .org = *org, .amount = *amount, .reference = in->reference, .idempotency_key = in->key};
    return answer(s.post_money("/credits/purchase", without_nulls(api::encode(body)), in->key), &view);
  };
}

Action adjust(Arguments& a) {
  struct Input {
    std::string org, amount, reason;
    std::optional<std::string> key;
    bool allow_negative = false;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.positional("N", in->amount, "Credits; -500 takes them away");
  a.required("--reason", "TEXT", in->reason, "Why; it stands in the ledger for ever");
  a.flag("--allow-negative", in->allow_negative, "Even if the balance falls below zero");
  a.option("--idempotency-key", "KEY", in->key, "The same key again adjusts nothing again");
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    auto amount = amount_of(in->amount);
    if (!amount) return std::unexpected(amount.error());
    api::Adjustment body{
        .amount = *amount, .reason = in->reason, .allow_negative = {}, .idempotency_key = in->key};
    if (in->allow_negative) body.allow_negative = true;
    return answer(
        s.post_money("/orgs/" + segment(*org) + "/ledger/adjust", without_nulls(api::encode(body)), in->key),
        &view);
  };
}

Action refund(Arguments& a) {
  struct Input {
    std::string request;
    std::optional<std::string> amount, reason, key;
  };
  auto in = std::make_shared<Input>();
  a.positional("REQUEST_ID", in->request, "The call's id: req_…");
  a.option("--amount", "N", in->amount, "Credits (default: all that is left of the charge)");
  a.option("--reason", "TEXT", in->reason, "Why; it stands in the ledger for ever");
  a.option("--idempotency-key", "KEY", in->key, "The same key again refunds nothing again");
  return [in](Session& s) -> Result<Answer> {
    api::Refund body{.amount = {}, .reason = in->reason, .idempotency_key = in->key};
    if (in->amount) {
      auto amount = amount_of(*in->amount);
      if (!amount) return std::unexpected(amount.error());
      body.amount = *amount;
    }
    return answer(
        s.post_money("/usage/" + segment(in->request) + "/refund", without_nulls(api::encode(body)), in->key),
        &view);
  };
}

Action balance(Arguments& a) {
  auto in = std::make_shared<std::string>();
  a.positional("ORG", *in, "Slug or id");
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(*in);
    if (!org) return std::unexpected(org.error());
    return answer(s.get("/orgs/" + segment(*org) + "/balance"));
  };
}

Action statement(Arguments& a) {
  struct Input {
    std::string org;
    Paging paging;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  in->paging.declare(a, Paging::Times::daemon);
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(in->org);
    if (!org) return std::unexpected(org.error());
    return answer(s.list("/orgs/" + segment(*org) + "/ledger", {}, in->paging), &view);
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
    return prove(s, org, "");
  };
}

Action export_entries(Arguments& a) {
  auto in = std::make_shared<std::string>();
  a.positional("ORG", *in, "Slug or id");
  return [in](Session& s) -> Result<Answer> {
    auto org = s.org(*in);
    if (!org) return std::unexpected(org.error());
    auto& out = s.terminal().out;
    auto done = s.stream("/orgs/" + segment(*org) + "/ledger/export", [&](std::string_view piece) {
      return static_cast<bool>(out.write(piece.data(), static_cast<std::streamsize>(piece.size())));
    });
    if (!done) return std::unexpected(done.error());
    return Answer{};
  };
}

constexpr std::array commands{
    Command{"purchase", "Put credits on an org's account",
            "govctl ledger purchase acme 5000000\ngovctl ledger purchase acme 5000000 --reference INV-17",
            purchase},
    Command{"adjust", "Correct the balance, with a reason",
            "govctl ledger adjust acme -500 --reason \"double booking\"\n"
            "govctl ledger adjust acme 1000 --reason goodwill",
            adjust},
    Command{"refund", "Give back what a call cost",
            "govctl ledger refund req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f --reason \"bad answer\"", refund},
    Command{"balance", "Show the balance, what is reserved, and what is available",
            "govctl ledger balance acme\ngovctl ledger balance acme --jq .available", balance},
    Command{"statement", "Show every entry, oldest first",
            "govctl ledger statement acme\ngovctl ledger statement acme --since 30d -o csv", statement},
    Command{"verify", "Prove that no entry, event or audit row was changed (exit 2 if one was)",
            "govctl ledger verify acme\ngovctl ledger verify", verify},
    Command{"export", "Write all entries as JSON lines", "govctl ledger export acme > acme.jsonl",
            export_entries}};

}  // namespace

std::span<const Command> ledger_commands() { return commands; }

}  // namespace govctl::cli
