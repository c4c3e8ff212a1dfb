// Lengthens a stopped daemon's organization file, so that what a long ledger costs can be measured.
//   bench_ledger_rows DATABASE CALLS
// Each call is the file's last one again, with an id and a time of its own: a usage event and its ledger entry,
// in the chains as the daemon writes them, the times spread over the 60 days up to that call. The last line
// says what the file has then.

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "daemon/store/chain_rows.h"
#include "daemon/store/money.h"

using namespace govctl;

namespace {

constexpr std::int64_t batch = 50'000;
constexpr std::int64_t span_micros = 60 * std::int64_t{86'400} * 1'000'000;

// No power loss is feared here, and the pages of a batch stay in memory.
constexpr const char* fast =
    "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA wal_autocheckpoint = 20000";

struct Model {
  domain::UsageEvent event;
  BillingGroupId group;
};

Result<Model> model_in(store::Connection& connection) {
  store::Page page;
  page.limit = 1;
  auto last = store::read_usage(connection, {}, page);
  if (!last) return std::unexpected(last.error());
  if (last->rows.empty()) return fail(Code::not_found, "the file has no call to be repeated");
  return store::guarded([&]() -> Result<Model> {
    SQLite::Statement group(connection.database(), "SELECT billing_group_id FROM organizations");
    group.executeStep();
    return Model{last->rows.front().event, BillingGroupId::from_bytes(group.getColumn(0).getBlob())};
  });
}

// Ids that ascend with their time, as they do in a file that grew by itself.
RequestId id_of(Timestamp at, std::int64_t number) {
  RequestId id = RequestId::mint(at.millis());
  for (std::size_t i = 0; i < 8; ++i) id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

Result<void> append(store::Connection& connection, store::Transaction& tx, const Model& model,
                    std::int64_t calls) {
  domain::UsageEvent event = model.event;
  for (std::int64_t done = 0; done < calls;) {
    connection.database().exec("BEGIN IMMEDIATE");
    for (const std::int64_t end = std::min(calls, done + batch); done < end; ++done) {
      event.created_at.micros = model.event.created_at.micros - span_micros + span_micros / calls * done;
      event.request_id = id_of(event.created_at, done);
      if (auto charged = store::charge_call(tx, event, model.group); !charged) return charged;
    }
    connection.database().exec("COMMIT");
  }
  connection.database().exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return {};
}

Result<std::int64_t> lengthen(const std::string& path, std::int64_t calls) {
  auto opened = store::Connection::open(path, store::Access::write);
  if (!opened) return std::unexpected(opened.error());
  store::Connection& connection = **opened;
  auto model = model_in(connection);
  if (!model) return std::unexpected(model.error());
  return store::guarded([&]() -> Result<std::int64_t> {
    connection.database().exec(fast);
    store::Transaction tx(connection, model->event.scope.org);
    auto heads = store::read_heads(connection, store::FileKind::org, tx.org());
    if (!heads) return std::unexpected(heads.error());
    tx.heads() = *heads;
    if (auto appended = append(connection, tx, *model, calls); !appended)
      return std::unexpected(appended.error());
    return tx.head(domain::ChainTable::ledger).seq + tx.head(domain::ChainTable::usage_events).seq;
  });
}

}  // namespace

int main(int count, char** words) {
  std::int64_t calls = 0;
  const std::string_view number = count == 3 ? words[2] : "";
  const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), calls);
  if (fault != std::errc{} || end != number.data() + number.size() || calls <= 0) {
    fmt::print(stderr, "usage: bench_ledger_rows DATABASE CALLS\n");
    return 2;
  }
  const auto rows = lengthen(words[1], calls);
  if (!rows) {
    fmt::print(stderr, "bench_ledger_rows: {}\n", rows.error().message);
    return 1;
  }
  fmt::print("{} rows in ledger and usage_events\n", *rows);
  return 0;
}
