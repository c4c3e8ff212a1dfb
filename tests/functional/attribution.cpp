// Usage by what clients say of their calls: tags, session, dialect.

#include <catch2/catch.hpp>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

// name -> credits, in the order of the report.
std::vector<std::pair<std::string, std::int64_t>> sums(TestDaemon& daemon, const std::string& query) {
  std::vector<std::pair<std::string, std::int64_t>> all;
  for (const Json& item : daemon.get("/usage/top/acme?" + query)["items"]) {
    all.emplace_back(item["name"], item["credits"]);
  }
  return all;
}
using Sums = std::vector<std::pair<std::string, std::int64_t>>;

struct Attributed : Dialects {
  Attributed() {
    upstream.on("a", [](Reply& reply) { reply.json(200, message(70, 0, 30)); });
    daemon.price("anthropic-like", "a", "0.001", "0.001");
    call({{"x-govd-tags", "team=search, env=prod"}, {"x-session-id", "s-1"}});
    call({{"x-govd-tags", "team=search"}, {"x-session-id", "s-2"}});
    call({{"x-govd-tags", "team=ads,env=prod,odd\"k.[0]=1"}, {"x-session-id", "s-1"}});
    CHECK(post("/v1/messages", messages_request("anthropic-like/a"), {{"session-id", "s-2"}}).status == 200);
  }
  void call(const Headers& headers) {
    CHECK(post("/v1/chat/completions", request("fake/m"), headers).status == 200);
  }
};

}  // namespace

TEST_CASE("usage adds up by tag, session, dialect and provider", "[attribution]") {
  Attributed d;
  CHECK(sums(d.daemon, "by=tag:team") == Sums{{"search", 240}, {"ads", 120}, {"", 100}});
  CHECK(sums(d.daemon, "by=tag:env") == Sums{{"prod", 240}, {"", 220}});
  CHECK(sums(d.daemon, "by=tag:odd%22k.%5B0%5D") == Sums{{"", 340}, {"1", 120}});
  CHECK(sums(d.daemon, "by=tag:nobody") == Sums{{"", 460}});
  CHECK(sums(d.daemon, "by=session") == Sums{{"s-1", 240}, {"s-2", 220}});
  CHECK(sums(d.daemon, "by=dialect") == Sums{{"chat", 360}, {"messages", 100}});
  CHECK(sums(d.daemon, "by=provider") == Sums{{"fake", 360}, {"anthropic-like", 100}});
}

TEST_CASE("usage is narrowed to a tag or a session", "[attribution]") {
  Attributed d;
  CHECK(sums(d.daemon, "by=model&tag=team%3Dsearch") == Sums{{"fake/m", 240}});
  CHECK(sums(d.daemon, "by=tag:team&tag=env%3Dprod") == Sums{{"ads", 120}, {"search", 120}});
  CHECK(sums(d.daemon, "by=dialect&session=s-2") == Sums{{"chat", 120}, {"messages", 100}});
  CHECK(sums(d.daemon, "by=dialect&session=s-2&tag=team%3Dsearch") == Sums{{"chat", 120}});
  CHECK(sums(d.daemon, "by=dialect&tag=team%3D").empty());
  CHECK(d.daemon.get("/usage/history/acme?tag=team%3Dads")["total"] == 1);
  CHECK(d.daemon.get("/usage/history/acme?session=s-1")["items"].size() == 2);
  for (const char* bad : {"by=tag:", "by=colour", "by=model&tag=team", "by=model&tag=%3Dx"}) {
    CHECK(d.daemon.control("GET", std::string("/usage/top/acme?") + bad).status == 400);
  }
}

TEST_CASE("govctl usage report shows it", "[attribution]") {
  Attributed d;
  const auto govctl = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {govctl_program(), "--socket", d.daemon.socket()});
    return run(words);
  };
  const ProgramEnd report = govctl({"usage", "report", "acme", "--by", "tag:team", "--jq", ".items[0].name"});
  CHECK(report.exit_code == 0);
  CHECK(report.printed.find("search") != std::string::npos);
  const ProgramEnd narrowed =
      govctl({"usage", "report", "acme", "--by", "session", "--tag", "team=ads", "--jq", ".items[].credits"});
  CHECK(narrowed.printed == "120\n");
  CHECK(govctl({"usage", "top", "acme", "--by", "colour"}).exit_code == 64);
}
