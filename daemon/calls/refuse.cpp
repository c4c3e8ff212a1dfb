// How a call ends before money is held.

#include "daemon/calls/call.h"
#include "daemon/telemetry/log.h"

namespace govctl::calls {

asio::awaitable<void> tell(Call& call, Fault fault) {
  http::Response response = fault_answer(call.dialect.envelope, fault, call.id());
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;  // a client that has gone misses it
}

asio::awaitable<void> tell_body_fault(Call& call, const Error& error) {
  domain::Refusal refusal;
  refusal.message = error.message;
  const bool recorded = co_await call.facts.caller.tenant->record_refusal(call.facts, refusal, nullptr);
  (void)recorded;
  Fault fault;
  // A 504 would say that the provider was slow.
  fault.status = error.code == Code::timeout ? 408 : facts(error.code).status;
  fault.type = "invalid_request_error";
  fault.code = facts(error.code).word;
  fault.message = error.message;
  co_await tell(call, std::move(fault));
}

asio::awaitable<void> refuse(Call& call, const domain::Refusal& refusal, const tenant::Route* route) {
  call.key_claim.reset();  // a refused call does not use its Idempotency-Key up
  const bool recorded = co_await call.facts.caller.tenant->record_refusal(call.facts, refusal, route);
  log::info("call refused", {{log::Field::request_id, call.id().text()},
                             {log::Field::agent, call.facts.caller.key->path},
                             {log::Field::cause, domain::cause_word(refusal.cause)},
                             {log::Field::status, recorded ? "recorded" : "not recorded"}});
  http::Response response = refusal_answer(call.dialect.envelope, refusal, call.id(), call.clock.now());
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;
}

}  // namespace govctl::calls
