#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("a credential is stored sealed and never told again") {
  Daemon daemon;
  daemon.make_acme();
  const std::string secret = "sk-CANARY0123456789";
  const Got got = daemon.send("POST", "/orgs/acme/credentials",
                              {{"provider", "openai"}, {"secret", secret}, {"label", "main"}});
  REQUIRE(got.status == 201);
  CHECK(got.json["suffix"] == "6789");
  CHECK(got.json["org"] == "acme");
  CHECK(got.json["active"] == true);
  const std::string id = got.json["id"];
  const auto tenant = daemon.registry->find_slug("acme");
  const auto opened = tenant->credential(*tenant->snapshot(), "openai");
  REQUIRE(opened);
  CHECK((*opened)->reveal() == secret);

  const std::string replaced = "sk-CANARYabcdefghij";
  const Json changed = daemon.make("PATCH", "/orgs/acme/credentials/" + id, {{"secret", replaced}});
  CHECK(changed["suffix"] == "ghij");
  CHECK(changed["version"] == 2);
  CHECK((*tenant->credential(*tenant->snapshot(), "openai"))->reveal() == replaced);
  CHECK(daemon.make("PATCH", "/orgs/acme/credentials/" + id, {{"active", false}})["active"] == false);
  CHECK_FALSE(tenant->credential(*tenant->snapshot(), "openai"));

  std::string told = got.body;
  for (const std::string& route : {std::string("/orgs/acme/credentials"), "/orgs/acme/credentials/" + id,
                                   std::string("/orgs/acme/audit"), std::string("/audit")}) {
    told += daemon.get(route).body;
  }
  CHECK(told.find("CANARY") == std::string::npos);
  CHECK(daemon.get("/orgs/acme/audit?event=credential.update").body.find("replaced") != std::string::npos);

  CHECK(daemon.make("DELETE", "/orgs/acme/credentials/" + id)["id"] == id);
  CHECK(daemon.get("/orgs/acme/credentials/" + id).status == 404);
  CHECK(daemon.get("/orgs/acme/credentials").json["total"] == 0);
  daemon.close();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon.root + "/state")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    INFO(entry.path());
    CHECK(bytes.find("CANARY") == std::string::npos);
  }
}

TEST_CASE("what a credential may not be, and no error tells it") {
  Daemon daemon;
  daemon.make_acme();
  const std::size_t before = daemon.audit_rows("acme");
  for (const Json& body : {Json{{"provider", "openai"}, {"secret", ""}},
                           Json{{"provider", "openai"}, {"secret", "CANARY\nX-Evil: 1"}},
                           Json{{"provider", "openai"}, {"secret", "CANARY " + std::string(9000, 'x')}},
                           Json{{"provider", "openai"}, {"secret", "CANARY"}, {"label", std::string(201, 'x')}},
                           Json{{"provider", "openai"}, {"secret", Json::array({"CANARY"})}},
                           Json{{"provider", "openai"}, {"secrets", "CANARY"}, {"secret", "CANARY"}}}) {
    const Got got = daemon.send("POST", "/orgs/acme/credentials", body);
    INFO(got.body);
    CHECK(got.status == 400);
    CHECK(got.body.find("CANARY") == std::string::npos);
  }
  const Got none =
      daemon.send("POST", "/orgs/acme/credentials", {{"provider", "nobody"}, {"secret", "CANARY"}});
  CHECK(none.status == 404);
  CHECK(none.body.find("CANARY") == std::string::npos);
  Sent sent;
  sent.method = "POST";
  sent.target = "/orgs/acme/credentials";
  sent.body = R"({"provider":"openai","secret":"CANARY)";
  CHECK(daemon.send(sent).body.find("CANARY") == std::string::npos);
  CHECK(daemon.audit_rows("acme") == before);
  // A short secret's end would tell too much of it.
  CHECK(daemon.make("POST", "/orgs/acme/credentials",
                    {{"provider", "openai"}, {"secret", "short-one"}})["suffix"] == "");
}

TEST_CASE("one org's credential is not another's") {
  Daemon daemon;
  daemon.make_acme();
  daemon.make("POST", "/orgs", {{"name", "Other"}});
  const std::string id = daemon.make("POST", "/orgs/acme/credentials",
                                     {{"provider", "openai"}, {"secret", "sk-0123456789ab"}})["id"];
  CHECK(daemon.get("/orgs/other/credentials/" + id).status == 404);
  CHECK(daemon.send("DELETE", "/orgs/other/credentials/" + id).status == 404);
  CHECK(daemon.send("PATCH", "/orgs/other/credentials/" + id, {{"active", false}}).status == 404);
  CHECK(daemon.make("GET", "/orgs/acme/credentials/" + id)["active"] == true);
}

}  // namespace govctl::control::test
