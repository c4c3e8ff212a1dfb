#pragma once
// A shop whose one model has round prices, and a question whose charge is worked out by hand.

#include "tests/functional/harness/daemon.h"
#include "tests/functional/harness/upstream.h"

namespace govctl::test {

// 1,234 tokens in, 1,000 of them cached, 56 out, at 0.003 / 0.0003 / 0.015 USD per 1,000:
//   234 x 0.000003 = 0.000702    1,000 x 0.0000003 = 0.0003    56 x 0.000015 = 0.00084
// together 0.001842 USD: 1,842 credits at 1,000,000 to the dollar.
constexpr Tokens used{.prompt = 1234, .completion = 56, .cached = 1000};
constexpr auto used_usd = "0.001842";
constexpr std::int64_t used_credits = 1842;

// A question long enough for what the provider says it used.
inline Json ask(const std::string& model, std::int64_t max_tokens = 64) {
  Json body = request(model, max_tokens);
  body["messages"][0]["content"] = std::string(2000, 'q');
  return body;
}

struct PricedShop {
  FakeUpstream upstream;
  TestDaemon daemon;
  Shop shop{daemon, upstream.base_url()};
  PricedShop() {
    daemon.price("fake", "m", "0.003", "0.015", {{"cache_read", "0.0003"}, {"max_output_tokens", 1000}});
    upstream.uses("m", used);
  }
};

}  // namespace govctl::test
