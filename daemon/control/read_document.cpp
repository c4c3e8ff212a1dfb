// A document as things: checked as the single routes check, with the place of what is wrong.

#include <algorithm>
#include <set>

#include "daemon/control/checks.h"
#include "daemon/control/declared.h"
#include "daemon/control/price_rows.h"
#include "daemon/control/writes.h"

namespace govctl::control {
namespace {

constexpr std::int64_t default_credits_per_usd = 1'000'000;  // a credit is a micro-dollar

std::string below(const std::string& where, std::string_view part) { return where + "/" + std::string(part); }
std::string below(const std::string& where, std::string_view list, std::size_t index) {
  return fmt::format("{}/{}/{}", where, list, index);
}

// Keeps the first fault; what follows it is not looked at.
class Reader {
 public:
  Reader(const domain::PlatformConfig& platform, std::int64_t credits_per_usd)
      : platform_(platform), credits_per_usd_(credits_per_usd) {}

  Result<Things> done() && {
    if (!fault_) return std::unexpected(fault_.error());
    std::ranges::sort(things_, {}, &Thing::at);
    return std::move(things_);
  }

  void org(const api::OrgDocument& document) {
    domain::Org row;
    row.slug = document.org;
    row.credits_per_usd = credits_per_usd_;
    check("/org", check_slug(row.slug));
    check("/credits_per_usd", check_credits_per_usd(row.credits_per_usd));
    common("", document, row);
    row.active = document.active.value_or(true);
    if (document.overdraft) {
      auto overdraft = parse_overdraft(*document.overdraft);
      check("/overdraft", overdraft);
      if (overdraft) row.overdraft = *overdraft;
    }
    add({Kind::org, row.slug, "", ""}, row, "");
    hanging({Kind::org, row.slug, "", ""}, "", document);
    each("", "aliases", document.aliases, [&](const auto& alias, const std::string& where) {
      domain::ModelAlias made;
      made.name = alias.name;
      check(below(where, "name"), check_name("name", made.name));
      auto targets = targets_of(platform_, made.name, alias.targets);
      check(below(where, "targets"), targets);
      if (targets) made.targets = std::move(*targets);
      add({Kind::alias, row.slug, "", made.name}, made, where);
    });
    credentials(row.slug, document);
    each("", "workspaces", document.workspaces, [&](const auto& workspace, const std::string& where) {
      const std::string path = unit<domain::Workspace>(Kind::workspace, row.slug, workspace, where);
      each(where, "groups", workspace.groups,
           [&](const auto& group, const std::string& inner) { this->group(path, group, inner); });
    });
  }

  void provider(const api::ProviderDocument& document, const std::string& where) {
    api::ProviderCreate body;
    body.name = document.name;
    body.kind = document.kind;
    body.base_url = document.base_url;
    body.allow_private = document.allow_private;
    body.usage_in_stream = document.usage_in_stream;
    body.needs_credential = document.needs_credential;
    body.responses = document.responses;
    body.ca_file = document.ca_file;
    body.proxy = document.proxy;
    body.no_proxy = document.no_proxy;
    body.max_tokens_field = document.max_tokens_field;
    body.api_version = document.api_version;
    body.connect_timeout_ms = document.connect_timeout_ms;
    body.first_byte_timeout_ms = document.first_byte_timeout_ms;
    body.idle_timeout_ms = document.idle_timeout_ms;
    body.max_parallel = document.max_parallel;
    const domain::Provider row = provider_row(body);
    check(below(where, "name"), check_slug(row.name));
    check(where, check_row(row));
    add({Kind::provider, "", "", row.name}, row, where);
  }

  void model(const api::ModelDocument& document, const std::string& where) {
    domain::ModelPrice row;
    row.provider = document.provider;
    row.model = document.model;
    row.context_window = document.context_window;
    row.max_output_tokens = document.max_output_tokens;
    row.source = "manual";
    check(below(where, "provider"), check_slug(row.provider));
    check(below(where, "model"), check_name("model", row.model));
    check(below(where, "context_window"), check_positive("context_window", row.context_window));
    check(below(where, "max_output_tokens"), check_positive("max_output_tokens", row.max_output_tokens));
    std::vector<api::PriceRow> given;
    given.reserve(document.prices.size());
    for (const auto& price : document.prices) {
      given.push_back({price.kind, price.price, price.unit.value_or(1000), price.from_tokens.value_or(0)});
    }
    auto prices = price_rows(given);
    check(below(where, "prices"), prices);
    if (prices) {
      check(below(where, "prices"), check_prices(*prices));
      row.prices = std::move(*prices);
    }
    add({Kind::model, "", "", row.provider + "/" + row.model}, row, where);
  }

  template <class List, class Visit>
  void each(const std::string& where, std::string_view name, const std::optional<List>& list, Visit visit) {
    if (!list) return;
    for (std::size_t i = 0; i < list->size() && fault_; ++i) visit((*list)[i], below(where, name, i));
  }

 private:
  template <class T>
  void check(const std::string& where, const Result<T>& result) {
    if (fault_ && !result) fault_ = at_place(result.error(), where);
  }

  void add(Address at, Row row, const std::string& where) {
    if (!seen_.insert(at).second) check<void>(where, fail(Code::invalid, at.text() + " stands twice"));
    things_.push_back({std::move(at), std::move(row), where});
  }

  // Name and description, which all units have.
  template <class Document, class Unit>
  void common(const std::string& where, const Document& document, Unit& row) {
    row.name = document.name.value_or(row.slug);
    row.description = document.description.value_or("");
    check(below(where, "name"), check_name("name", row.name));
    check(below(where, "description"), check_text("description", row.description, 2000, true));
  }

  template <class Unit, class Document>
  std::string unit(Kind kind, const std::string& above, const Document& document, const std::string& where) {
    Unit row;
    row.slug = document.slug;
    check(below(where, "slug"), check_slug(row.slug));
    common(where, document, row);
    if constexpr (requires { document.status; }) {
      row.active = document.status != "DISABLED";
      if (document.status && *document.status != "ACTIVE" && row.active) {
        check<void>(below(where, "status"), fail(Code::invalid, "'status' must be ACTIVE or DISABLED"));
      }
    } else {
      row.active = document.active.value_or(true);
    }
    const Address at{kind, above + "/" + row.slug, "", ""};
    add(at, row, where);
    hanging(at, where, document);
    return at.path;
  }

  void group(const std::string& above, const api::GroupDocument& document, const std::string& where) {
    const std::string path = unit<domain::AgentGroup>(Kind::group, above, document, where);
    each(where, "agents", document.agents, [&](const auto& agent, const std::string& inner) {
      const std::string agent_path = unit<domain::Agent>(Kind::agent, path, agent, inner);
      each(inner, "keys", agent.keys,
           [&](const auto& key, const std::string& innermost) { this->key(agent_path, key, innermost); });
    });
  }

  void key(const std::string& agent, const api::KeyDocument& document, const std::string& where) {
    domain::ApiKey row;
    row.name = document.name;
    check(below(where, "name"), check_name("name", row.name));
    check(below(where, "limit"), check_positive("limit", document.limit));
    if (document.limit) row.limit = Credits::of(*document.limit);
    if (document.expires_at) {
      row.expires_at = parse_rfc3339(*document.expires_at);
      if (!row.expires_at) {
        check<void>(below(where, "expires_at"),
                    fail(Code::invalid, "'expires_at' must be a time such as 2026-12-31T00:00:00Z"));
      }
    }
    const Address at{Kind::key, agent, "", row.name};
    add(at, row, where);
    hanging({Kind::key, agent, row.name, ""}, where, document);
  }

  // The policies and budgets of whatever is at `owner`.
  template <class Document>
  void hanging(const Address& owner, const std::string& where, const Document& document) {
    each(where, "policies", document.policies, [&](const auto& policy, const std::string& inner) {
      const domain::Policy row = policy_row(policy, inner);
      add({Kind::policy, owner.path, owner.key, row.name}, row, inner);
    });
    each(where, "budgets", document.budgets, [&](const auto& budget, const std::string& inner) {
      const domain::Budget row = budget_row(budget, inner);
      add({Kind::budget, owner.path, owner.key, std::string(domain::period_word(row.period))}, row, inner);
    });
  }

  domain::Policy policy_row(const api::PolicyDocument& document, const std::string& where) {
    domain::Policy row;
    row.name = document.name.value_or("default");
    row.allow_models = document.allow_models;
    row.deny_models = document.deny_models;
    row.providers = document.providers;
    row.costly = document.costly;
    row.max_input_tokens = document.max_input_tokens;
    row.max_output_tokens = document.max_output_tokens;
    row.rpm = document.rpm;
    row.tpm = document.tpm;
    row.parallel = document.parallel;
    row.clamp = document.clamp;
    auto estimate = parse_reserve(document.reserve);
    check(below(where, "reserve"), estimate);
    if (estimate) row.estimate = *estimate;
    check(where, check_row(row));
    return row;
  }

  domain::Budget budget_row(const api::BudgetDocument& document, const std::string& where) {
    domain::Budget row;
    std::string word = document.period;
    std::ranges::transform(word, word.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    const auto period = domain::parse_period(word);
    if (!period) {
      check<void>(below(where, "period"), fail(Code::invalid, "'period' must be DAILY, MONTHLY or TOTAL"));
    }
    row.period = period.value_or(domain::Period::total);
    row.auto_disable = document.auto_disable.value_or(false);
    if (document.limit.has_value() == document.limit_usd.has_value()) {
      check<void>(where, fail(Code::invalid, "a budget has either 'limit' (credits) or 'limit_usd'"));
    }
    check(below(where, "limit"), check_positive("limit", document.limit));
    check(below(where, "limit_usd"), set_limit(document.limit, document.limit_usd, credits_per_usd_, row));
    return row;
  }

  void credentials(const std::string& org, const api::OrgDocument& document) {
    CredentialNames names;
    each("", "credentials", document.credentials, [&](const auto& credential, const std::string& where) {
      domain::Credential row;
      row.provider = credential.provider;
      row.label = credential.label.value_or("");
      row.active = credential.active.value_or(true);
      check(below(where, "label"), check_text("label", row.label, 200));
      if (std::ranges::find(platform_.providers, row.provider, &domain::Provider::name) ==
          platform_.providers.end()) {
        check<void>(
            below(where, "provider"),
            fail(Code::unprocessable, fmt::format("there is no provider '{}'", row.provider.substr(0, 100)),
                 "govctl provider list"));
      }
      add({Kind::credential, org, "", names.next(row.provider, row.label)}, row, where);
    });
  }

  const domain::PlatformConfig& platform_;
  std::int64_t credits_per_usd_;
  Result<void> fault_;
  Things things_;
  std::set<Address> seen_;
};

}  // namespace

std::unexpected<Error> at_place(const Error& error, const std::string& where) {
  Error placed = error;
  Json details = error.details.empty() ? Json::object() : Json::parse(error.details, nullptr, false);
  if (!details.is_object()) details = Json::object();
  details["at"] = where;
  placed.details = json_text(details);
  return std::unexpected(std::move(placed));
}

Result<Things> things_of(const api::OrgDocument& document, const domain::PlatformConfig& platform,
                         const std::optional<std::int64_t>& credits_per_usd) {
  Reader reader(platform, document.credits_per_usd.value_or(credits_per_usd.value_or(default_credits_per_usd)));
  reader.org(document);
  return std::move(reader).done();
}

Result<Things> things_of(const api::PlatformDocument& document) {
  const domain::PlatformConfig none;
  Reader reader(none, default_credits_per_usd);
  reader.each("", "providers", document.providers,
              [&](const auto& provider, const std::string& where) { reader.provider(provider, where); });
  reader.each("", "models", document.models,
              [&](const auto& model, const std::string& where) { reader.model(model, where); });
  return std::move(reader).done();
}

}  // namespace govctl::control
