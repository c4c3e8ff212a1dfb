#include "daemon/tenant/backup.h"

#include <filesystem>

#include "common/api/operations.h"
#include "common/version.h"
#include "daemon/control/changes.h"
#include "daemon/control/handlers.h"
#include "daemon/control/resolve.h"

namespace govctl::control {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10;
constexpr std::string_view platform_scope = "platform";

std::int64_t size_of(const std::string& path) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  return code ? 0 : static_cast<std::int64_t>(size);
}

api::BackupPlan plan_of(const Request& request, const std::shared_ptr<tenant::Tenant>& only) {
  api::BackupPlan plan;
  plan.scope = only ? only->snapshot()->root().slug : std::string(platform_scope);
  for (const auto& tenant : request.registry.tenants()) {
    if (only && tenant != only) continue;
    plan.orgs.push_back(tenant->snapshot()->root().slug);
    plan.bytes += size_of(tenant->path());
  }
  if (only) return plan;
  plan.left_out = request.registry.quarantined();
  plan.bytes += size_of(request.options.state_dir + "/catalog.db");
  return plan;
}

// The audit row, in the org's log and the platform's: in the backup, too.
asio::awaitable<Result<void>> record(Request& request, const std::shared_ptr<tenant::Tenant>& only,
                                     const std::string& scope) {
  const auto audit = Author(request).record(only ? "org.backup" : "platform.backup", {"backup", "", scope},
                                            fmt::format("made a backup of {}", scope), Json());
  const auto work = [&audit] {
    return Work<bool>([audit](store::Transaction& tx) -> Result<bool> {
      auto told = store::append_audit(tx, audit);
      return told ? Result<bool>(true) : std::unexpected(told.error());
    });
  };
  if (only) {
    auto told = co_await only->change(work(), false);
    if (!told) co_return std::unexpected(told.error());
  }
  auto told = co_await request.registry.change(work(), false);
  if (!told) co_return std::unexpected(told.error());
  co_return Result<void>{};
}

Answer send(Request& request, std::shared_ptr<tenant::BackupArchive> archive) {
  Reply sent;
  sent.sent = true;
  auto begun = co_await request.exchange.start(200, answer_headers(request, "application/gzip"));
  if (!begun) co_return sent;
  for (std::int64_t at = 0; at < archive->bytes();) {
    Result<std::string> piece;
    std::function<void()> read = [&] { piece = archive->read(at, piece_bytes); };
    co_await tenant::in_pool(request.registry.services(), std::move(read));
    if (!piece || piece->empty()) {
      request.exchange.abort();  // no reader may take half a backup for a whole one
      co_return sent;
    }
    auto written = co_await request.exchange.write(*piece);
    if (!written) co_return sent;
    at += static_cast<std::int64_t>(piece->size());
  }
  auto finished = co_await request.exchange.finish();
  if (!finished) request.exchange.abort();
  co_return sent;
}

}  // namespace

Answer make_backup(Request& request) {
  std::shared_ptr<tenant::Tenant> only;
  if (const auto named = request.asked("org")) {
    auto at = find_org(request, *named);
    if (!at) co_return std::unexpected(at.error());
    only = at->tenant;
  }
  const auto plan = plan_of(request, only);
  if (request.dry_run) co_return reply(plan);
  if (auto told = co_await record(request, only, plan.scope); !told) co_return std::unexpected(told.error());
  const tenant::BackupWish wish{request.options.state_dir, request.options.keys_dir, only,
                                std::string(version)};
  Result<std::shared_ptr<tenant::BackupArchive>> archive;
  std::function<void()> make = [&] { archive = tenant::make_backup(request.registry, wish); };
  co_await tenant::in_pool(request.registry.services(), std::move(make));
  if (!archive) co_return std::unexpected(archive.error());
  co_return co_await send(request, std::move(*archive));
}

}  // namespace govctl::control
