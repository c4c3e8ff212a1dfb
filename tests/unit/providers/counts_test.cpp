// What OpenAI's and Anthropic's formats share: counts read with suspicion, and how much text an answer holds.

#include "daemon/providers/counts.h"

#include <catch2/catch.hpp>

using namespace govctl::providers;

TEST_CASE("text is counted behind its own members alone, at any depth, as written", "[counts]") {
  CHECK(text_behind(R"([{"message":{"role":"assistant","content":"four"}}])", {"content"}) == 4);
  CHECK(text_behind(R"([{"content" :	"ab"},{"content":["cd"]},{"content":null}])", {"content"}) == 2);
  CHECK(text_behind(R"({"content":"a\"b\\","arguments":"{\"content\":\"no\"}"})", {"content", "arguments"}) ==
        6 + 20);
  // A text that reads like a member is no member.
  CHECK(text_behind(R"({"note":"\"content\":\"hidden\"","name":"content"})", {"content"}) == 0);
  CHECK(text_behind(R"(["content","text"])", {"content"}) == 0);
  CHECK(text_behind("", {"content"}) == 0);
}

TEST_CASE("a usage object's counts are whole, sane numbers, or absurd", "[counts]") {
  UsageObject good(R"({"in":7,"none":null,"zero":0,"details":{"cached":3,"more":null},"list":[1]})");
  CHECK(good.count("in") == 7);
  CHECK(good.count("zero") == 0);
  CHECK_FALSE(good.count("none"));
  CHECK_FALSE(good.count("absent"));
  CHECK(good.detail("details", "cached") == 3);
  CHECK_FALSE(good.detail("details", "more"));
  CHECK_FALSE(good.detail("list", "cached"));
  CHECK_FALSE(good.detail("absent", "cached"));
  CHECK_FALSE(good.absurd());

  CHECK_FALSE(UsageObject("null").absurd());
  for (const char* value : {"7", "[]", "\"7\"", "true"}) CHECK(UsageObject(value).absurd());
  for (const char* value :
       {"-1", "1.0", "1e3", "\"7\"", "1000000000001", "9223372036854775808", "{}", "true"}) {
    const std::string written = R"({"in":)" + std::string(value) + "}";
    UsageObject usage(written);
    CHECK_FALSE(usage.count("in"));
    CHECK(usage.absurd());
  }
}
