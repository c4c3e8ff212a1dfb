#include "daemon/http/router.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace govctl::http {
namespace {

Router sample() {
  Router router;
  router.add("GET", "/orgs", 0);
  router.add("GET", "/orgs/{org}", 1);
  router.add("DELETE", "/orgs/{org}", 2);
  router.add("GET", "/orgs/search", 3);
  router.add("GET", "/orgs/{org}/agents/{agent}", 4);
  router.add("GET", "/orgs/acme/{kind}/{name}", 5);
  router.add("GET", "/", 6);
  return router;
}

TEST_CASE("A path finds its route and parameters") {
  const Router router = sample();
  CHECK(router.match("GET", "/orgs").value().index == 0);
  CHECK(router.match("GET", "/").value().index == 6);
  const auto match = router.match("GET", "/orgs/a%20b/agents/%C3%A9").value();
  CHECK(match.index == 4);
  CHECK(match.parameters == std::vector<std::string>{"a b", "\xC3\xA9"});
}

TEST_CASE("An encoded slash stays inside its segment") {
  const auto match = sample().match("GET", "/orgs/acme%2Fprod").value();
  CHECK(match.index == 1);
  CHECK(match.parameters == std::vector<std::string>{"acme/prod"});
}

TEST_CASE("A literal beats a parameter, the first one first") {
  const Router router = sample();
  CHECK(router.match("GET", "/orgs/search").value().index == 3);
  CHECK(router.match("GET", "/orgs/acme/agents/x").value().index == 5);
  // Where the nearer pattern has not the method, the other one answers.
  CHECK(router.match("DELETE", "/orgs/search").value().index == 2);
}

TEST_CASE("What has no route says so") {
  const Router router = sample();
  for (const std::string_view path :
       {"/nothing", "/orgs/", "/orgs//agents/x", "/orgs/a/agents/b/c", "", "orgs"}) {
    CAPTURE(path);
    CHECK(router.match("GET", path).error().code == Code::not_found);
  }
  CHECK(router.match("GET", "/orgs/%zz").error().code == Code::invalid);
  CHECK(router.match("GET", "/orgs/a%00b").error().code == Code::invalid);
  const auto wrong = router.match("POST", "/orgs/acme").error();
  CHECK(wrong.code == Code::method_not_allowed);
  CHECK(nlohmann::json::parse(wrong.details) == nlohmann::json{{"allow", {"GET", "DELETE"}}});
}

TEST_CASE("Percent encoding goes there and back") {
  CHECK(percent_encode("a/b c\xC3\xA9~") == "a%2Fb%20c%C3%A9~");
  CHECK(percent_decode("a%2fb%20c%C3%A9~").value() == "a/b c\xC3\xA9~");
  for (const std::string_view broken : {"%", "%4", "%4g", "%00"}) CHECK_FALSE(percent_decode(broken));
}

TEST_CASE("A query is read strictly") {
  const auto parameters = parse_query("a=1&b=x%20y+z&c&d=").value();
  REQUIRE(parameters.size() == 4);
  CHECK(parameters[1].name == "b");
  CHECK(parameters[1].value == "x y z");
  CHECK(parameters[2].value.empty());
  CHECK(parse_query("").value().empty());
  CHECK(parse_query("a=1&%61=2").error().code == Code::invalid);
  CHECK(parse_query("a=%").error().code == Code::invalid);
}

}  // namespace
}  // namespace govctl::http
