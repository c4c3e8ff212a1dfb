// A provider's own list of its models, asked for on behalf of an administrator. Nothing is held, charged or
// recorded.

#include "daemon/providers/model_list.h"

#include <fmt/format.h>

#include "daemon/calls/call.h"
#include "daemon/calls/calls.h"
#include "daemon/calls/upstreams.h"

namespace govctl::calls {

namespace {

constexpr std::size_t max_list_bytes = std::size_t{16} << 20;

}  // namespace

asio::awaitable<ModelList> Calls::list_models(const http::Exchange& exchange,
                                              const tenant::Candidate& candidate) {
  const Clock& clock = *registry_.services().clock;
  const domain::Provider& provider = *candidate.provider;
  const std::int64_t began = clock.steady_micros();
  ModelList list;
  if (provider.kind == "mock") {
    list.called = "nothing: the mock answers in this process";
    list.ok = true;
    for (const auto& price : candidate.platform->models) {
      if (price.provider == provider.name) list.models.push_back(price.model);
    }
    co_return list;
  }
  auto asked = co_await upstreams(exchange).list_models(candidate, list.called);
  if (!asked) {
    list.message = asked.error().error.message;
  } else {
    list.status = (*asked)->status();
    auto body = co_await (*asked)->read_all(max_list_bytes);
    if (!body) {
      list.message = body.error().message;
    } else if (*list.status < 200 || *list.status > 299) {
      list.message = upstream_message(*body);
      if (list.message.empty()) list.message = fmt::format("the provider answered {}", *list.status);
    } else if (auto names = providers::read_model_list(provider.kind, *body)) {
      list.models = std::move(*names);
      list.ok = true;
    } else {
      list.message = names.error().message;
    }
  }
  list.latency_ms = (clock.steady_micros() - began) / 1000;
  co_return list;
}

}  // namespace govctl::calls
