#include <fmt/ranges.h>

#include "daemon/calls/calls.h"
#include "daemon/control/changes.h"
#include "daemon/control/checks.h"
#include "daemon/control/handlers.h"
#include "daemon/control/pages.h"
#include "daemon/control/present.h"
#include "daemon/control/writes.h"
#include "daemon/http/client.h"
#include "daemon/store/catalog.h"

namespace govctl::control {
namespace {

constexpr std::int64_t most_parallel = 100'000;
constexpr std::int64_t day_ms = std::int64_t{86'400} * 1'000;

Subject subject_of(const domain::Provider& provider) { return {"provider", provider.name, provider.name}; }

Result<void> check_timeout(std::string_view field, std::int64_t ms) {
  if (ms >= 1 && ms <= day_ms) return {};
  return fail(Code::invalid, fmt::format("'{}' must be from 1 to {} milliseconds", field, day_ms));
}

// With what its circuit is now, which is no part of the row.
api::Provider shown_now(const Request& request, const domain::Provider& row) {
  api::Provider made = shown(row);
  if (request.options.calls != nullptr) {
    made.circuit = std::string(domain::circuit_word(request.options.calls->traffic().circuit(row.name)));
  }
  return made;
}

std::unexpected<Error> none(std::string_view name) {
  return fail(Code::not_found, fmt::format("there is no provider '{}'", name.substr(0, 100)),
              "govctl provider list");
}

Result<domain::Provider> current(store::Transaction& tx, const std::string& name,
                                 const std::optional<std::int64_t>& if_match) {
  auto found = store::find_provider(tx.connection(), name);
  if (!found) return std::unexpected(found.error());
  if (!*found) return none(name);
  if (auto ok = check_version(if_match, (*found)->version, "provider"); !ok) return std::unexpected(ok.error());
  return std::move(**found);
}

void apply(const api::ProviderPatch& patch, domain::Provider& row) {
  if (patch.base_url) row.base_url = *patch.base_url;
  if (patch.max_tokens_field) row.max_tokens_field = *patch.max_tokens_field;
  if (patch.allow_private) row.allow_private = *patch.allow_private;
  if (patch.usage_in_stream) row.usage_in_stream = *patch.usage_in_stream;
  if (patch.needs_credential) row.needs_credential = *patch.needs_credential;
  if (patch.ca_file.present) row.ca_file = patch.ca_file.value.value_or("");
  if (patch.proxy.present) row.proxy = patch.proxy.value.value_or("");
  if (patch.no_proxy.present) row.no_proxy = patch.no_proxy.value.value_or("");
  if (row.proxy.empty() && !patch.no_proxy.present) row.no_proxy.clear();  // it was the proxy's
  if (patch.responses) row.responses = *patch.responses;
  if (patch.api_version.present) row.api_version = patch.api_version.value.value_or("");
  if (patch.connect_timeout_ms) row.connect_timeout_ms = *patch.connect_timeout_ms;
  if (patch.first_byte_timeout_ms) row.first_byte_timeout_ms = *patch.first_byte_timeout_ms;
  if (patch.max_parallel) row.max_parallel = *patch.max_parallel;
  if (patch.idle_timeout_ms) row.idle_timeout_ms = *patch.idle_timeout_ms;
}

}  // namespace

Result<void> check_row(const domain::Provider& row) {
  if (std::ranges::find(api::provider_kinds, row.kind) == api::provider_kinds.end()) {
    return fail(Code::invalid,
                fmt::format("'kind' must be one of {} (openai is any API compatible with OpenAI's)",
                            fmt::join(api::provider_kinds, ", ")));
  }
  if (row.kind == "mock") {
    if (row.base_url != "mock:") return fail(Code::invalid, "the base_url of a mock provider is \"mock:\"");
  } else if (auto upstream = http::Upstream::parse(row.base_url, row.allow_private); !upstream) {
    return std::unexpected(upstream.error());
  }
  if (row.max_tokens_field != "max_tokens" && row.max_tokens_field != "max_completion_tokens") {
    return fail(Code::invalid, "'max_tokens_field' must be max_tokens or max_completion_tokens");
  }
  if (!row.ca_file.empty() && !row.ca_file.starts_with('/')) {
    return fail(Code::invalid, "'ca_file' must be an absolute path");
  }
  if (row.max_parallel < 0 || row.max_parallel > most_parallel) {
    return fail(Code::invalid,
                fmt::format("'max_parallel' must be from 1 to {}, or 0 for no limit", most_parallel));
  }
  if (!row.proxy.empty()) {
    if (auto proxy = http::parse_proxy(row.proxy); !proxy) return std::unexpected(proxy.error());
  }
  if (row.proxy.empty() && !row.no_proxy.empty()) {
    return fail(Code::invalid, "'no_proxy' is for a row that has a 'proxy'");
  }
  return all_of({check_text("proxy", row.proxy, 300), check_text("no_proxy", row.no_proxy, 1000),
                 check_text("base_url", row.base_url, 500), check_text("ca_file", row.ca_file, 1000),
                 check_text("api_version", row.api_version, 100),
                 check_timeout("connect_timeout_ms", row.connect_timeout_ms),
                 check_timeout("first_byte_timeout_ms", row.first_byte_timeout_ms),
                 check_timeout("idle_timeout_ms", row.idle_timeout_ms)});
}

domain::Provider provider_row(const api::ProviderCreate& body) {
  domain::Provider row;
  row.name = body.name;
  row.kind = body.kind;
  row.base_url = body.base_url;
  row.allow_private = body.allow_private.value_or(row.allow_private);
  row.usage_in_stream = body.usage_in_stream.value_or(row.usage_in_stream);
  row.needs_credential = body.needs_credential.value_or(body.kind != "mock");
  row.ca_file = body.ca_file.value_or("");
  row.proxy = body.proxy.value_or("");
  row.no_proxy = body.no_proxy.value_or("");
  row.max_tokens_field = body.max_tokens_field.value_or(row.max_tokens_field);
  row.responses = body.responses.value_or(row.responses);
  row.api_version = body.api_version.value_or("");
  row.connect_timeout_ms = body.connect_timeout_ms.value_or(row.connect_timeout_ms);
  row.first_byte_timeout_ms = body.first_byte_timeout_ms.value_or(row.first_byte_timeout_ms);
  row.idle_timeout_ms = body.idle_timeout_ms.value_or(row.idle_timeout_ms);
  row.max_parallel = body.max_parallel.value_or(row.max_parallel);
  return row;
}

Result<void> make(Transaction& tx, const Author& author, const domain::Provider& row) {
  if (auto done = store::insert_provider(tx, row, author.now); !done) return done;
  return store::append_audit(tx, author.record("provider.create", subject_of(row), "added provider " + row.name,
                                               made(api::encode(shown(row)))));
}

Result<domain::Provider> change(Transaction& tx, const Author& author, const domain::Provider& before,
                                domain::Provider row) {
  const Json was = api::encode(shown(before));
  const Json is = api::encode(shown(row));
  if (was == is) return before;
  row.version += 1;
  if (auto done = store::update_provider(tx, row, author.now); !done) return std::unexpected(done.error());
  auto audit =
      author.record("provider.update", subject_of(row), "changed provider " + row.name, changed(was, is));
  if (auto done = store::append_audit(tx, audit); !done) return std::unexpected(done.error());
  return row;
}

Result<void> remove(Transaction& tx, const Author& author, const domain::Provider& row) {
  if (row.shipped) {
    return fail(Code::conflict,
                fmt::format("provider '{}' came with the program; it can be changed, not deleted", row.name),
                "govctl provider list");
  }
  auto platform = store::load_platform(tx.connection());
  if (!platform) return std::unexpected(platform.error());
  if (std::ranges::find(platform->models, row.name, &domain::ModelPrice::provider) != platform->models.end()) {
    return fail(Code::conflict, fmt::format("provider '{}' has prices; delete them first", row.name),
                "govctl pricing list");
  }
  if (auto done = store::delete_provider(tx, row.name); !done) return done;
  return store::append_audit(tx,
                             author.record("provider.delete", subject_of(row), "deleted provider " + row.name,
                                           removed(api::encode(shown(row)))));
}

Answer create_provider(Request& request) {
  auto body = request.decoded<api::ProviderCreate>();
  if (!body) co_return std::unexpected(body.error());
  if (auto ok = check_slug(body->name); !ok) co_return std::unexpected(ok.error());
  const domain::Provider row = provider_row(*body);
  if (auto ok = check_row(row); !ok) co_return std::unexpected(ok.error());
  Work<bool> work = [row, author = Author(request)](store::Transaction& tx) -> Result<bool> {
    if (auto done = make(tx, author, row); !done) return std::unexpected(done.error());
    return true;
  };
  auto done = co_await request.registry.change(std::move(work), request.dry_run);
  if (!done) {
    if (done.error().code != Code::conflict) co_return std::unexpected(done.error());
    co_return fail(Code::conflict, fmt::format("there is a provider '{}' already", row.name),
                   "govctl provider list");
  }
  co_return created(shown(row));
}

Answer list_providers(Request& request) {
  std::vector<api::Provider> providers;
  for (const auto& provider : request.registry.platform()->providers) {
    providers.push_back(shown_now(request, provider));
  }
  auto page =
      page_of(request, std::move(providers), [](const api::Provider& provider) { return provider.name; });
  if (!page) co_return std::unexpected(page.error());
  co_return reply(*page);
}

Answer get_provider(Request& request) {
  const auto platform = request.registry.platform();
  const auto found = std::ranges::find(platform->providers, request.parameter(0), &domain::Provider::name);
  if (found == platform->providers.end()) co_return none(request.parameter(0));
  co_return reply(shown_now(request, *found));
}

Answer change_provider(Request& request) {
  auto patch = request.decoded<api::ProviderPatch>();
  if (!patch) co_return std::unexpected(patch.error());
  Work<domain::Provider> work = [patch = *patch, name = request.parameter(0), author = Author(request),
                                 if_match =
                                     request.if_match](store::Transaction& tx) -> Result<domain::Provider> {
    auto before = current(tx, name, if_match);
    if (!before) return before;
    domain::Provider row = *before;
    apply(patch, row);
    if (auto ok = check_row(row); !ok) return std::unexpected(ok.error());
    return change(tx, author, *before, std::move(row));
  };
  auto row = co_await request.registry.change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown(*row));
}

Answer delete_provider(Request& request) {
  Work<domain::Provider> work = [name = request.parameter(0), author = Author(request),
                                 if_match =
                                     request.if_match](store::Transaction& tx) -> Result<domain::Provider> {
    auto row = current(tx, name, if_match);
    if (!row) return row;
    if (auto done = remove(tx, author, *row); !done) return std::unexpected(done.error());
    return row;
  };
  auto row = co_await request.registry.change(std::move(work), request.dry_run);
  if (!row) co_return std::unexpected(row.error());
  co_return reply(shown(*row));
}

}  // namespace govctl::control
