// What may be sent again, and which providers are not asked for a while.

#include "daemon/calls/attempts.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::calls;

namespace {

class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {micros}; }
  [[nodiscard]] std::int64_t steady_micros() const override { return micros; }
  std::int64_t micros = 1'000'000;
};

domain::Provider row(std::int64_t max_parallel = 0, std::int64_t version = 1) {
  domain::Provider provider;
  provider.name = "p";
  provider.max_parallel = max_parallel;
  provider.version = version;
  return provider;
}

}  // namespace

TEST_CASE("only statuses by which nothing was produced are sent again") {
  for (const int status : {200, 201, 301, 400, 402, 408, 409, 413, 422, 504, 524}) {
    INFO(status);
    CHECK(after_status(status, "1", false).resend == Resend::no);
  }
  for (const int status : {401, 403, 404, 500, 501, 502, 520}) {
    INFO(status);
    CHECK(after_status(status, "1", false).resend == Resend::other);
  }
  for (const int status : {429, 503, 529}) {
    INFO(status);
    CHECK(after_status(status, "", false).resend == Resend::other);
    CHECK(after_status(status, "2", false).resend == Resend::same);
    CHECK(after_status(status, "2", false).pause == std::chrono::seconds(2));
    CHECK(after_status(status, "2", true).resend == Resend::other);
    for (const char* const other :
         {"3", "-1", "1.5", "soon", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"}) {
      CHECK(after_status(status, other, false).resend == Resend::other);
    }
  }
}

TEST_CASE("a provider's calls at once are counted until each is over") {
  const HandClock clock;
  Traffic traffic(clock);
  {
    auto one = traffic.enter(row(2));
    auto two = traffic.enter(row(2));
    REQUIRE(one);
    REQUIRE(two);
    const auto third = traffic.enter(row(2));
    REQUIRE_FALSE(third);
    CHECK_FALSE(third.error().circuit);
    CHECK(third.error().retry_after_s == 1);
    Traffic::Permit moved = std::move(*one);
    CHECK_FALSE(traffic.enter(row(2)));
    *two = Traffic::Permit();
    CHECK(traffic.enter(row(2)));
  }
  CHECK(traffic.enter(row(1)));
}

TEST_CASE("a provider that failed five times is named until a call succeeds; a changed row starts anew") {
  HandClock clock;
  Traffic traffic(clock);
  for (int i = 0; i < 5; ++i) traffic.enter(row())->failed();
  const auto blocked = traffic.enter(row());
  REQUIRE_FALSE(blocked);
  CHECK(blocked.error().circuit);
  CHECK(blocked.error().retry_after_s == 10);
  CHECK(traffic.open_circuits() == std::vector<std::string>{"p"});
  clock.micros += 9'500'000;
  CHECK(traffic.enter(row()).error().retry_after_s == 1);
  SECTION("a success") {
    clock.micros += 500'000;
    {
      auto probe = traffic.enter(row());
      REQUIRE(probe);
      CHECK_FALSE(traffic.enter(row()));
    }
    traffic.enter(row())->succeeded();
    CHECK(traffic.open_circuits().empty());
  }
  SECTION("a new base URL, say") {
    CHECK(traffic.enter(row(0, 2)));
    CHECK(traffic.circuit("p") == domain::CircuitState::closed);
  }
}
