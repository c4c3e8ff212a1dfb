#include "daemon/http/proxy.h"

#include <catch2/catch.hpp>

namespace govctl::http::testing {
namespace {

TEST_CASE("A proxy is http://host[:port], wherever it stands") {
  const auto named = parse_proxy("http://Proxy.corp:3128/");
  REQUIRE(named);
  CHECK(*named == Proxy{"proxy.corp", 3128});
  CHECK(parse_proxy("http://10.0.0.7:8080").value() == Proxy{"10.0.0.7", 8080});
  CHECK(parse_proxy("http://[fd00::1]:8080").value() == Proxy{"fd00::1", 8080});
  CHECK(parse_proxy("http://proxy").value().port == 80);
  for (const char* const bad : {"", "proxy:3128", "https://proxy:3128", "socks5://proxy:1080",
                                "http://proxy/path", "http://proxy:0", "http://", "http://a b:1"}) {
    INFO(bad);
    CHECK_FALSE(parse_proxy(bad));
  }
}

TEST_CASE("A proxy's password is refused and not repeated") {
  const auto refused = parse_proxy("http://agent:hunter2@proxy:3128");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("hunter2") == std::string::npos);
  CHECK(refused.error().message.find("user or password") != std::string::npos);
}

TEST_CASE("Hosts that are called without a proxy: themselves and all below") {
  const auto list = "corp.example, .Internal,10.0.0.7,[::1]";
  for (const char* const host :
       {"corp.example", "llm.corp.example", "internal", "a.b.internal", "10.0.0.7", "::1"}) {
    INFO(host);
    CHECK(without_proxy(list, host));
  }
  for (const char* const host :
       {"notcorp.example", "example", "corp.example.org", "110.0.0.7", "1.10.0.0.7", "::2"}) {
    INFO(host);
    CHECK_FALSE(without_proxy(list, host));
  }
  CHECK(without_proxy("*", "anything"));
  CHECK_FALSE(without_proxy("", "anything"));
  CHECK_FALSE(without_proxy(" ,,. ", "anything"));
}

}  // namespace
}  // namespace govctl::http::testing
