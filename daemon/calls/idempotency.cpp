// A client's Idempotency-Key (30-ledger.md "One call"): the same call is not made twice.

#include <algorithm>

#include "daemon/calls/call.h"
#include "daemon/domain/chain.h"

namespace govctl::calls {
namespace {

constexpr std::string_view header_name = "idempotency-key";
constexpr std::size_t max_length = 255;

bool well_formed(const http::Headers& found) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  return found.size() == 1 && !found.front().value.empty() && found.front().value.size() <= max_length &&
         std::ranges::all_of(found.front().value, printable);
}

// Of what makes two requests the same: method, path, body.
domain::Hash fingerprint_of(const http::Exchange& exchange, std::string_view body) {
  const domain::Hash of_body = domain::sha256(body);
  std::string all(exchange.method());
  all += ' ';
  all += exchange.path();
  all += '\n';
  all.append(reinterpret_cast<const char*>(of_body.data()), of_body.size());
  return domain::sha256(std::string_view(all));
}

}  // namespace

asio::awaitable<bool> claim_key(Call& call) {
  http::Headers found = call.exchange.headers_with(header_name);
  std::erase_if(found, [](const auto& header) { return header.name.size() != header_name.size(); });
  if (found.empty()) co_return true;
  if (!well_formed(found)) {
    domain::Refusal refusal;
    refusal.message = "Idempotency-Key must stand once and be 1 to 255 printable ASCII characters";
    refusal.parameter = "Idempotency-Key";
    co_await refuse(call, refusal, nullptr);
    co_return false;
  }
  call.facts.idempotency_key = std::move(found.front().value);
  call.facts.fingerprint = fingerprint_of(call.exchange, call.body);
  auto claim = co_await call.facts.caller.tenant->claim_key(call.facts);
  if (!claim) {
    co_await refuse(call, claim.error(), nullptr);
    co_return false;
  }
  call.key_claim.emplace(std::move(*claim));
  co_return true;
}

}  // namespace govctl::calls
