// What the daemon finds out about itself; what needs the machine's files is govctl's to look at.

#include <sys/resource.h>

#include <algorithm>

#include "common/api/operations.h"
#include "daemon/control/handlers.h"
#include "daemon/control/resolve.h"
#include "daemon/store/anchor_rows.h"
#include "daemon/store/file_system.h"
#include "daemon/store/money.h"

namespace govctl::control {
namespace {

constexpr std::int64_t minute = 60 * micros_per_second;
constexpr std::int64_t old_hold = 15 * minute;
constexpr std::int64_t old_anchor = 10 * minute;
constexpr std::int64_t no_room = std::int64_t{64} << 20;
constexpr std::int64_t little_room = std::int64_t{1} << 30;
constexpr rlim_t few_descriptors = 4096;

using Checks = std::vector<api::Check>;

void add(Checks& checks, std::string_view check, std::string_view state, std::string why,
         std::optional<std::string> fix = {}) {
  checks.push_back({std::string(check), std::string(state), std::move(why), std::move(fix)});
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

void check_orgs(const Request& request, Checks& checks) {
  const auto quarantined = request.registry.quarantined();
  if (quarantined.empty()) {
    add(checks, "orgs", "ok", fmt::format("{} are served", request.registry.tenants().size()));
  } else {
    add(checks, "orgs", "FAULT",
        fmt::format("out of service, because their files cannot be used: {}; the log says why",
                    joined(quarantined)),
        "govctl logs --level error");
  }
}

void check_disk(const Request& request, Checks& checks) {
  const auto room = store::free_bytes(request.options.state_dir + "/catalog.db");
  if (!room) return add(checks, "disk", "FAULT", room.error().message);
  const std::string why = fmt::format("{} MiB are free in {}", *room >> 20, request.options.state_dir);
  const std::string fix = "df -h " + request.options.state_dir;
  if (*room < no_room) return add(checks, "disk", "FAULT", why + ": new calls are refused", fix);
  if (*room < little_room) return add(checks, "disk", "warn", why, fix);
  add(checks, "disk", "ok", why);
}

void check_descriptors(Checks& checks) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const std::string why = fmt::format("{} files and connections may be open at once", files.rlim_cur);
  if (files.rlim_cur >= few_descriptors) return add(checks, "descriptors", "ok", why);
  add(checks, "descriptors", "warn", why + ": two a call in flight", "ulimit -n 65536 && govctl restart");
}

void check_secrets(const Request& request, Checks& checks) {
  const secrets::Keyring& keyring = *request.registry.services().keyring;
  const auto masters = keyring.masters();
  if (masters.sealed) {
    return add(checks, "master key", "FAULT", "sealed: no credential can be used until its passphrase is given",
               "govctl secrets unseal");
  }
  if (masters.rotating) {
    return add(checks, "master key", "warn", "a rotation was cut; nothing is lost, both keys are there",
               "govctl secrets rotate-kek");
  }
  std::vector<std::string> shut;
  for (const auto& tenant : request.registry.tenants()) {
    const auto snapshot = tenant->snapshot();
    for (const auto& row : snapshot->config().data_keys) {
      if (keyring.master_of(tenant->id(), row.id, row.wrapped).empty()) {
        shut.push_back(snapshot->root().slug);
        break;
      }
    }
  }
  if (shut.empty()) {
    return add(checks, "master key", "ok",
               fmt::format("{} opens every org's data key", secrets::master_source_word(masters.source)));
  }
  add(checks, "master key", "FAULT",
      fmt::format("the data keys of {} do not open: their org key file or an older master key is missing in {}",
                  joined(shut), request.options.keys_dir),
      "ls -l " + request.options.keys_dir);
}

void check_circuits(const Request& request, Checks& checks) {
  if (request.options.calls == nullptr) return;
  const auto open = request.options.calls->traffic().open_circuits();
  if (open.empty()) return add(checks, "providers", "ok", "none is left alone");
  add(checks, "providers", "warn", "left alone after failures in a row: " + joined(open),
      "govctl provider test " + open.front());
}

// What an org names by itself and not by a pattern: model at provider, of aliases and of policies.
struct Named {
  std::string provider, model;  // the model may be empty: a provider that a policy names
};
std::vector<Named> named_by(const domain::OrgConfig& config, const domain::PlatformConfig& platform) {
  std::vector<Named> named;
  for (const auto& alias : config.aliases) {
    for (const auto& target : alias.targets) named.push_back({target.provider, target.model});
  }
  const auto known = [&](std::string_view name) {
    return std::ranges::find(platform.providers, name, &domain::Provider::name) != platform.providers.end();
  };
  for (const auto& policy : config.policies) {
    for (const auto& pattern : policy.allow_models.value_or(domain::Globs{})) {
      const std::size_t slash = pattern.find('/');
      if (pattern.find_first_of("*?[") != std::string::npos || slash == std::string::npos) continue;
      if (known(pattern.substr(0, slash)))
        named.push_back({pattern.substr(0, slash), pattern.substr(slash + 1)});
    }
    for (const auto& pattern : policy.providers.value_or(domain::Globs{})) {
      if (known(pattern)) named.push_back({pattern, ""});
    }
  }
  return named;
}

void check_names(const Request& request, Checks& checks) {
  const auto platform = request.registry.platform();
  std::vector<std::string> without_credential, without_price;
  std::string add_credential, set_price;
  const auto once = [](std::vector<std::string>& into, std::string text) {
    if (std::ranges::find(into, text) != into.end()) return false;
    into.push_back(std::move(text));
    return true;
  };
  for (const auto& tenant : visible_tenants(request)) {
    const auto snapshot = tenant->snapshot();
    const std::string& slug = snapshot->root().slug;
    for (const auto& named : named_by(snapshot->config(), *platform)) {
      const auto provider = std::ranges::find(platform->providers, named.provider, &domain::Provider::name);
      const bool has = std::ranges::any_of(snapshot->config().credentials, [&](const domain::Credential& row) {
        return row.active && row.provider == named.provider;
      });
      if (provider != platform->providers.end() && provider->needs_credential && !has &&
          once(without_credential, slug + " at " + named.provider) && add_credential.empty()) {
        add_credential = fmt::format("govctl credential add {} {} --stdin", slug, named.provider);
      }
      const bool priced =
          named.model.empty() || std::ranges::any_of(platform->models, [&](const domain::ModelPrice& price) {
            return price.provider == named.provider && price.model == named.model;
          });
      if (!priced && once(without_price, named.provider + "/" + named.model) && set_price.empty()) {
        set_price =
            fmt::format("govctl pricing set {} {} --input USD --output USD", named.provider, named.model);
      }
    }
  }
  if (without_credential.empty()) {
    add(checks, "credentials", "ok", "every provider that an alias or a policy names has one, or needs none");
  } else {
    add(checks, "credentials", "warn",
        "named by an alias or a policy, but without a credential: " + joined(without_credential),
        add_credential);
  }
  if (without_price.empty()) {
    add(checks, "prices", "ok", "every model that an alias or a policy names has one");
  } else {
    add(checks, "prices", "warn",
        "named by an alias or a policy, but without a price, so refused: " + joined(without_price), set_price);
  }
}

struct Ages {
  std::int64_t old_holds = 0;
  bool unanchored = false;
  std::optional<Error> fault;
};

asio::awaitable<Ages> look_at(const Request& request, tenant::Tenant& tenant) {
  const auto heads = request.registry.services().writers->committed_heads(tenant.file());
  Query<Ages> query = [now = request.now, heads, id = tenant.id()](store::Connection& db) -> Result<Ages> {
    Ages ages;
    auto open = store::open_reservations(db);
    if (!open) return std::unexpected(open.error());
    ages.old_holds = std::ranges::count_if(
        *open, [&](const domain::Reservation& hold) { return now.micros - hold.created_at.micros > old_hold; });
    auto anchors = store::read_anchors(db, id);
    if (!anchors) return std::unexpected(anchors.error());
    std::int64_t newest = 0;
    std::int64_t reached = 0;
    for (const auto& anchor : *anchors) {
      newest = std::max(newest, anchor.created_at.micros);
      if (anchor.table == domain::ChainTable::ledger) reached = std::max(reached, anchor.seq);
    }
    const bool moved = heads[static_cast<std::size_t>(domain::ChainTable::ledger)].seq > reached;
    ages.unanchored = moved && newest != 0 && now.micros - newest > old_anchor;
    return ages;
  };
  auto ages = co_await tenant.read(std::move(query));
  if (!ages) co_return Ages{0, false, ages.error()};
  co_return *ages;
}

asio::awaitable<void> check_files(const Request& request, Checks& checks) {
  std::vector<std::string> holds, unanchored, unread;
  for (const auto& tenant : visible_tenants(request)) {
    const std::string slug = tenant->snapshot()->root().slug;
    const Ages ages = co_await look_at(request, *tenant);
    if (ages.fault) unread.push_back(slug);
    if (ages.old_holds > 0) holds.push_back(fmt::format("{} ({})", slug, ages.old_holds));
    if (ages.unanchored) unanchored.push_back(slug);
  }
  if (holds.empty()) {
    add(checks, "reservations", "ok", "no hold is older than 15 minutes");
  } else {
    add(checks, "reservations", "warn",
        "money is held for more than 15 minutes: " + joined(holds) + "; a restart settles what is left over",
        "govctl restart --drain 30s");
  }
  if (unanchored.empty()) {
    add(checks, "anchors", "ok", "signed within the last 10 minutes, where anything moved");
  } else {
    add(checks, "anchors", "warn", "not signed for more than 10 minutes: " + joined(unanchored),
        "govctl logs --level warn");
  }
  if (!unread.empty()) {
    add(checks, "databases", "FAULT", "cannot be read: " + joined(unread), "govctl logs --level warn");
  }
}

}  // namespace

Answer get_doctor(Request& request) {
  api::Doctor doctor;
  check_orgs(request, doctor.checks);
  check_secrets(request, doctor.checks);
  check_disk(request, doctor.checks);
  check_descriptors(doctor.checks);
  check_circuits(request, doctor.checks);
  check_names(request, doctor.checks);
  co_await check_files(request, doctor.checks);
  co_return reply(doctor);
}

}  // namespace govctl::control
