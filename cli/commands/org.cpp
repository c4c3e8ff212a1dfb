#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/commands/backup.h"
#include "cli/commands/nouns.h"
#include "cli/session.h"
#include "common/api/orgs.h"
#include "common/money.h"

namespace govctl::cli {
namespace {

// A credit is a micro-dollar unless told otherwise: at the API's default of 100 a tiny call costs a whole cent.
constexpr std::int64_t usual_credits_per_usd = 1'000'000;

constexpr std::array columns{Column{"PATH", "path"},
                             Column{"NAME", "name"},
                             Column{"ACTIVE", "active"},
                             Column{"CREDITS/USD", "credits_per_usd", Column::Show::number},
                             Column{"OVERDRAFT", "overdraft", Column::Show::number},
                             Column{"CREATED", "created_at", Column::Show::time},
                             Column{"ID", "id", Column::Show::text, true},
                             Column{"BILLING GROUP", "billing_group_id", Column::Show::text, true},
                             Column{"DESCRIPTION", "description", Column::Show::text, true}};
constexpr View view{"path", columns, "govctl org create NAME"};

constexpr std::array purged_columns{Column{"ID", "id"}, Column{"SLUG", "slug"}};
constexpr View purged_view{"id", purged_columns, ""};

std::string url(const std::string& org) { return "/orgs/" + segment(org); }

Result<std::optional<Json>> overdraft_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  if (*text == "unlimited") return Json("unlimited");
  const auto credits = Credits::parse(*text);
  if (!credits || *credits < Credits::of(0)) {
    return fail(Code::invalid, fmt::format("--overdraft: '{}' is neither a number of credits nor unlimited",
                                           text->substr(0, 40)));
  }
  return Json(credits->value());
}

struct Changes {
  std::optional<std::string> name, description, active, credits_per_usd, overdraft, if_version;
};

Action create(Arguments& a) {
  struct Input : Changes {
    std::string org_name;
    std::optional<std::string> slug;
  };
  auto in = std::make_shared<Input>();
  a.positional("NAME", in->org_name, "What it is called");
  a.option("--slug", "SLUG", in->slug, "Its part of every path (default: made from the name)");
  a.option("--description", "TEXT", in->description, "What it is for");
  a.option(
      "--credits-per-usd", "N", in->credits_per_usd,
      "What a dollar is in credits (default 1000000: a credit is a micro-dollar); fixed once credits move");
  a.option("--overdraft", "N", in->overdraft,
           "Credits below zero that calls may use, or unlimited (default 0)");
  return [in](Session& s) -> Result<Answer> {
    api::OrgCreate body{.name = in->org_name,
                        .slug = in->slug,
                        .description = in->description,
                        .credits_per_usd = usual_credits_per_usd,
                        .overdraft = std::nullopt};
    if (in->credits_per_usd) {
      auto number = whole_number("--credits-per-usd", *in->credits_per_usd);
      if (!number) return std::unexpected(number.error());
      body.credits_per_usd = *number;
    }
    auto overdraft = overdraft_of(in->overdraft);
    if (!overdraft) return std::unexpected(overdraft.error());
    body.overdraft = *overdraft;
    return answer(s.post("/orgs", without_nulls(api::encode(body))), &view);
  };
}

Action list(Arguments& a) {
  auto paging = std::make_shared<Paging>();
  paging->declare(a);
  return [paging](Session& s) -> Result<Answer> { return answer(s.list("/orgs", {}, *paging), &view); };
}

Action get(Arguments& a) {
  auto org = std::make_shared<std::string>();
  a.positional("ORG", *org, "Slug or id");
  return [org](Session& s) -> Result<Answer> {
    auto path = s.org(*org);
    if (!path) return std::unexpected(path.error());
    return answer(s.get(url(*path)), &view);
  };
}

Action set(Arguments& a) {
  struct Input : Changes {
    std::string org;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.option("--name", "TEXT", in->name, "What it is called");
  a.option("--description", "TEXT", in->description, "What it is for");
  a.option("--active", "on|off", in->active, "off: its agents' calls are refused", {"on", "off"});
  a.option("--credits-per-usd", "N", in->credits_per_usd,
           "What a dollar is in credits, while no credits have moved");
  a.option("--overdraft", "N", in->overdraft, "Credits below zero that calls may use, or unlimited");
  a.option("--if-version", "N", in->if_version, "Only if nobody has changed it since version N");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.org(in->org);
    if (!path) return std::unexpected(path.error());
    api::OrgPatch body{
        .name = in->name, .description = in->description, .active = {}, .credits_per_usd = {}, .overdraft = {}};
    if (in->active) body.active = *in->active == "on";
    if (in->credits_per_usd) {
      auto number = whole_number("--credits-per-usd", *in->credits_per_usd);
      if (!number) return std::unexpected(number.error());
      body.credits_per_usd = *number;
    }
    auto overdraft = overdraft_of(in->overdraft);
    if (!overdraft) return std::unexpected(overdraft.error());
    body.overdraft = *overdraft;
    auto changes = without_nulls(api::encode(body));
    if (changes.empty()) return fail(Code::invalid, "nothing to change", "govctl help org set");
    return answer(s.patch(url(*path), std::move(changes), in->if_version), &view);
  };
}

std::unexpected<Error> unconfirmed(const Session& s, const std::string& what, const std::string& org) {
  return fail(Code::invalid, what + ": repeat its slug with --confirm",
              s.invocation("--confirm=" + (is_id(org) ? std::string("SLUG") : org)));
}

Action remove(Arguments& a) {
  struct Input {
    std::string org;
    std::optional<std::string> confirm;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id");
  a.option("--confirm", "SLUG", in->confirm, "The org's slug once more");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.org(in->org);
    if (!path) return std::unexpected(path.error());
    if (!in->confirm)
      return unconfirmed(s, fmt::format("deleting the org {} ends every agent in it", *path), *path);
    auto org = s.remove(url(*path), {{"confirm", *in->confirm}});
    if (!org) return std::unexpected(org.error());
    s.note(fmt::format("deleted; within 30 days: govctl org undelete {}", org->value("id", *path)));
    return Answer{.json = std::move(*org), .view = &view};
  };
}

Action undelete(Arguments& a) {
  auto org = std::make_shared<std::string>();
  a.positional("ORG", *org, "Slug or id");
  return [org](Session& s) -> Result<Answer> {
    auto path = s.org(*org);
    if (!path) return std::unexpected(path.error());
    return answer(s.post(url(*path) + "/undelete", std::nullopt), &view);
  };
}

Action purge(Arguments& a) {
  struct Input {
    std::string org;
    std::optional<std::string> confirm;
  };
  auto in = std::make_shared<Input>();
  a.positional("ORG", in->org, "Slug or id of a deleted org");
  a.option("--confirm", "SLUG", in->confirm, "The org's slug once more");
  return [in](Session& s) -> Result<Answer> {
    auto path = s.org(in->org);
    if (!path) return std::unexpected(path.error());
    if (!in->confirm) {
      return unconfirmed(s, fmt::format("purging the org {} destroys its data and keys for good", *path),
                         *path);
    }
    auto purged = s.post(url(*path) + "/purge", std::nullopt, {{"confirm", *in->confirm}});
    if (!purged) return std::unexpected(purged.error());
    return Answer{.json = std::move(*purged), .view = &purged_view};
  };
}

constexpr std::array commands{
    Command{"create", "Make an org, with a billing group of its own",
            "govctl org create Acme\ngovctl org create \"Acme Ltd\" --slug acme --overdraft 1000000", create},
    Command{"list", "Show all orgs", "govctl org list\ngovctl org list -o json --all", list},
    Command{"get", "Show one org", "govctl org get acme", get},
    Command{"set", "Change an org",
            "govctl org set acme --active off\ngovctl org set acme --overdraft unlimited", set},
    Command{"delete", "Delete an org; it can be brought back for 30 days",
            "govctl org delete acme --confirm=acme", remove},
    Command{"undelete", "Bring a deleted org back", "govctl org undelete acme", undelete},
    Command{"purge", "Destroy a deleted org's data and keys, for good", "govctl org purge acme --confirm=acme",
            purge},
    Command{"export", "Copy one org's file with its anchors, while govd serves",
            "govctl org export acme\ngovctl org export acme --out acme.tar.gz", export_org},
    Command{"import", "Bring an exported org back into a stopped govd's state, after proving it",
            "govctl org import acme.tar.gz\ngovctl org import acme.tar.gz --replace", import_org}};

}  // namespace

std::span<const Command> org_commands() { return commands; }

}  // namespace govctl::cli
