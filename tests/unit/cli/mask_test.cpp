#include "cli/mask.h"

#include <catch2/catch.hpp>

using namespace govctl::cli;

TEST_CASE("what looks like a secret is cut, and nothing else") {
  CHECK(masked("key cpk_0123456789abcdef here") == "key cpk_… here");
  CHECK(masked("\"sk-proj-abcdefghijkl\",") == "\"sk-…\",");
  CHECK(masked("Authorization: Bearer abc.def") == "Authorization: Bearer …");
  CHECK(masked("TOKEN=cst_0123456789abcdef") == "TOKEN=cst_…");
  CHECK(masked("https://me:word@example.org/x") == "https://me:…@example.org/x");
  CHECK(masked("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x") == "eyJ…");
  for (const char* const text :
       {"govd 0.1.0 answers (process 17)", "acme/prod/support/triage", "risk-free sk-1",
        "https://api.openai.com/v1", "req_01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f", "{\"level\":\"info\"}", ""}) {
    CHECK(masked(text) == text);
  }
}

TEST_CASE("a setting whose name speaks of a secret shows none of its value") {
  CHECK(masked_setting("    token: hunter2") == "    token: …");
  CHECK(masked_setting("GOVCTL_TOKEN=hunter2") == "GOVCTL_TOKEN=…");
  CHECK(masked_setting("api_key: 12") == "api_key: …");
  CHECK(masked_setting("token_file: /home/me/token") == "token_file: /home/me/token");
  CHECK(masked_setting("socket: /run/s") == "socket: /run/s");
  CHECK(masked_setting("# a comment with cpk_0123456789abcdef") == "# a comment with cpk_…");
}
