#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

namespace {
Sent to(std::string target, http::Headers headers = {{"Host", "govd"}}) {
  Sent sent;
  sent.method = "GET";
  sent.target = std::move(target);
  sent.headers = std::move(headers);
  return sent;
}
}  // namespace

TEST_CASE("every answer says its request and the API's major") {
  Daemon daemon;
  for (const char* target : {"/status", "/nothing", "/orgs/none"}) {
    const Got got = daemon.get(target);
    CHECK(got.header("x-request-id").starts_with("req_"));
    CHECK(got.header("x-govd-api") == "1");
    CHECK(got.header("content-type") == "application/json");
  }
  const Got error = daemon.get("/orgs/none");
  CHECK(error.status == 404);
  CHECK(error.code() == "not_found");
  CHECK(error.json["error"]["request_id"] == error.header("x-request-id"));
  CHECK(error.json["error"]["details"].is_null());
  CHECK(error.next() == "govctl org list");
}

TEST_CASE("a request that a web page could have made is refused") {
  Daemon daemon;
  CHECK(daemon.send(to("/status", {{"Host", "govd"}})).status == 200);
  CHECK(daemon.send(to("/status", {{"Host", "LOCALHOST:4683"}})).status == 200);
  CHECK(daemon.send(to("/status", {{"Host", "evil.example"}})).status == 403);
  CHECK(daemon.send(to("/status", {{"Host", "govd.evil.example"}})).status == 403);
  CHECK(daemon.send(to("/status", {})).status == 403);
  CHECK(daemon.send(to("/status", {{"Host", "govd"}, {"Origin", "https://evil.example"}})).status == 403);
  CHECK(daemon.send(to("/status", {{"Host", "govd"}, {"Origin", "null"}})).status == 403);
  CHECK(daemon.send(to("/health", {{"Host", "govd"}, {"Referer", "http://evil.example/govd"}})).status == 403);
  CHECK(daemon.send(to("/status", {{"Host", "govd"}, {"Origin", "http://govd"}})).status == 200);
}

TEST_CASE("only the owner and root are known on a user's daemon") {
  Daemon daemon;
  Sent sent = to("/orgs");
  sent.peer.uid = ::getuid() + 4242;
  sent.peer.gid = 4242;
  Got got = daemon.send(sent);
  CHECK(got.status == 401);
  CHECK(got.code() == "unauthenticated");
  sent.target = "/no/such/route";
  CHECK(daemon.send(sent).status == 401);
  sent.target = "/health";
  CHECK(daemon.send(sent).status == 200);

  sent.target = "/orgs";
  sent.peer.uid = 0;
  CHECK(daemon.send(sent).status == 200);
  sent.peer.uid = ::getuid();
  CHECK(daemon.send(sent).status == 200);
  sent.peer.local = false;
  CHECK(daemon.send(sent).status == 401);
}

TEST_CASE("on a system daemon the administrators' group is admitted too") {
  Daemon daemon;
  daemon.options.system = true;
  daemon.options.admin_gid = 4711;
  daemon.options.owner_uid = ::getuid() + 1000;
  daemon.control = std::make_unique<Control>(daemon.options, *daemon.registry);
  Sent sent = to("/orgs");
  sent.peer.uid = ::getuid() + 4242;
  sent.peer.gid = 4711;
  CHECK(daemon.send(sent).status == 200);
  sent.peer.gid = 4712;
  CHECK(daemon.send(sent).status == 401);
}

TEST_CASE("a token is refused: there are none yet") {
  Daemon daemon;
  const Got got = daemon.send(to("/orgs", {{"Host", "govd"}, {"Authorization", "Bearer cst_secret"}}));
  CHECK(got.status == 401);
  CHECK(got.body.find("cst_secret") == std::string::npos);
}

TEST_CASE("what is not in the table is 404 and names the nearest route, another method is 405") {
  Daemon daemon;
  CHECK(daemon.get("/orgss").message().find("/orgs") != std::string::npos);
  CHECK(daemon.get("/worspaces/x").message().find("did you mean /workspaces") != std::string::npos);
  for (const char* route :
       {"/usage/request", "/auth/login", "/groups/me/x", "/api/security", "/process", "/"}) {
    CHECK(daemon.send("POST", route).status != 200);
  }
  CHECK(daemon.send("POST", "/auth/login").status == 404);
  CHECK(daemon.send("POST", "/usage/request").status == 404);
  const Got got = daemon.send("PUT", "/orgs");
  CHECK(got.status == 405);
  CHECK(got.header("allow").find("GET") != std::string::npos);
  CHECK(got.header("allow").find("POST") != std::string::npos);
}

TEST_CASE("every route answers under /api too") {
  Daemon daemon;
  CHECK(daemon.get("/api/orgs").status == 200);
  CHECK(daemon.get("/api/health").status == 200);
  CHECK(daemon.get("/apiorgs").status == 404);
}

TEST_CASE("the query is read strictly") {
  Daemon daemon;
  CHECK(daemon.get("/orgs?limitt=1").message().find("'limitt'") != std::string::npos);
  for (const char* bad : {"/orgs?limit=0", "/orgs?limit=1001", "/orgs?limit=1x", "/orgs?limit=-1",
                          "/orgs?cursor=%2A", "/orgs?limit=1&limit=2", "/orgs?limit=%zz", "/orgs?dry_run=1"}) {
    INFO(bad);
    CHECK(daemon.get(bad).status == 400);
  }
  CHECK(daemon.send("POST", "/orgs?dry_run=maybe", {{"name", "x"}}).status == 400);
}

TEST_CASE("a body that is no JSON object of the route's fields is refused") {
  Daemon daemon;
  const auto post = [&](const std::string& body) {
    Sent sent = to("/orgs");
    sent.method = "POST";
    sent.body = body;
    return daemon.send(sent);
  };
  for (const char* bad :
       {"", "no json", "[]", "\"x\"", "{\"name\":1}", "{\"name\":null}", "{\"Name\":\"x\"}",
        "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"a\",\"extra\":1}",
        "{\"name\":\"a\",\"credits_per_usd\":1.5}", "{\"name\":\"a\",\"credits_per_usd\":9223372036854775808}",
        "{\"name\":\"a\",\"credits_per_usd\":-1}", "{\"name\":\"a\"", "\xff"}) {
    INFO(bad);
    const Got got = post(bad);
    CHECK(got.status == 400);
    CHECK(got.code() == "invalid");
  }
  CHECK(post(std::string((1 << 20) + 1, ' ')).status == 413);
  CHECK(daemon.get("/orgs").json["total"] == 0);

  Sent sent = to("/orgs");
  sent.body = "{\"a\":1}";
  CHECK(daemon.send(sent).status == 400);
  sent.headers.push_back({"If-Match", "\"1\""});
  sent.body.clear();
  CHECK(daemon.send(sent).status == 400);
  CHECK(daemon.send(to("/status", {{"Host", "govd"}, {"X-Correlation-Id", std::string(201, 'x')}})).status ==
        400);
}

}  // namespace govctl::control::test
