// The keys that encrypt credentials: replaced while calls go on, cut by kill -9, under a passphrase.

#include <catch2/catch.hpp>
#include <thread>

#include "tests/functional/harness/ctl.h"
#include "tests/functional/harness/database.h"
#include "tests/functional/harness/upstream.h"

using namespace govctl::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* credential = "upstream-credential-0123456789";

struct Vault {
  FakeUpstream upstream;
  TestDaemon daemon;
  Key key;
  Vault() {
    daemon.make_org("acme");
    daemon.make_agent("acme/prod/support/triage");
    daemon.buy("acme", 1'000'000);
    key = daemon.make_key("acme/prod/support/triage");
    daemon.provider("fake", upstream.base_url(), {{"needs_credential", true}});
    daemon.price("fake", "m", "0.001", "0.001", {{"max_output_tokens", 100}});
    daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "fake"}, {"secret", credential}});
  }
  // The upstream is called with the credential that was stored.
  void credential_works() {
    const Answer answer = daemon.chat(key.secret, request("fake/m"));
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    CHECK(find_header(upstream.last().headers, "authorization") == std::string("Bearer ") + credential);
  }
  std::string sealed() {
    Database database(daemon.org_file("acme"));
    return database.one("SELECT sealed FROM provider_credentials WHERE deleted_at IS NULL");
  }
  std::string wrapped() {
    Database database(daemon.org_file("acme"));
    return database.one("SELECT wrapped FROM data_keys WHERE retired_at IS NULL");
  }
};

}  // namespace

TEST_CASE("another master key wraps every data key, and the old one opens what is older",
          "[secrets_rotation]") {
  Vault vault;
  const std::string before = vault.wrapped();
  const std::string old_key = content_of(vault.daemon.keys() + "/master.key");
  const Json old_status = vault.daemon.get("/secrets");
  const Json rotated = vault.daemon.expect(200, "POST", "/secrets/rotate-kek", Json::object());
  CHECK(rotated["orgs"] == 1);
  CHECK(rotated["data_keys"] == 1);
  CHECK(rotated["previous"] == old_status["master"]);
  CHECK(vault.wrapped() != before);
  CHECK(content_of(vault.daemon.keys() + "/master.key") != old_key);
  CHECK(content_of(vault.daemon.keys() + "/master-" + std::string(old_status["master"]) + ".key") == old_key);
  vault.credential_works();
  vault.daemon.restart();
  vault.credential_works();
  const Json status = vault.daemon.get("/secrets");
  CHECK(status["master"] == rotated["current"]);
  CHECK(status["orgs"][0]["master"] == rotated["current"]);
  CHECK(status["rotating"] == false);
  CHECK(status["retired"].size() == 1);

  const ProgramEnd destroyed = ctl(vault.daemon, {"secrets", "rotate-kek", "--destroy-old", "-y"});
  INFO(destroyed.output);
  CHECK(destroyed.exit_code == 0);
  CHECK(vault.daemon.get("/secrets")["retired"].size() == 1);
  vault.daemon.restart();
  vault.credential_works();
  CHECK(ctl(vault.daemon, {"secrets", "rotate-kek", "--destroy-old"}).exit_code == 64);
}

TEST_CASE("another data key encrypts an org's credentials anew", "[secrets_rotation]") {
  Vault vault;
  const std::string before = vault.sealed();
  const Json rotated = vault.daemon.expect(200, "POST", "/orgs/acme/secrets/rotate-dek");
  CHECK(rotated["data_key"] == 2);
  CHECK(rotated["credentials"] == 1);
  CHECK(vault.sealed() != before);
  vault.credential_works();
  vault.daemon.kill();
  vault.daemon.start();
  vault.credential_works();
  const Json org = vault.daemon.get("/secrets")["orgs"][0];
  CHECK(org["data_key"] == 2);
  CHECK(org["behind"] == 0);
  CHECK(vault.daemon.get("/orgs/acme/audit?event=secrets.rotate_data_key")["total"] == 1);
  // A new credential is encrypted under the new key.
  const ProgramEnd again = ctl(vault.daemon, {"secrets", "rotate-dek", "acme", "--dry-run"});
  CHECK(again.exit_code == 0);
  CHECK(vault.daemon.get("/secrets")["orgs"][0]["data_key"] == 2);
  vault.daemon.expect(201, "POST", "/orgs/acme/credentials", {{"provider", "fake"}, {"secret", credential}});
  vault.credential_works();
}

TEST_CASE("a rotation that is killed leaves credentials that open", "[secrets_rotation]") {
  Vault vault;
  for (int delay_ms = 0; delay_ms < 60; delay_ms += 6) {
    std::thread asking([&] {
      try {
        vault.daemon.control("POST", "/secrets/rotate-kek", Json::object());
        vault.daemon.control("POST", "/orgs/acme/secrets/rotate-dek");
      } catch (const WireError&) {
        return;  // it was killed in the middle
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    vault.daemon.kill();
    asking.join();
    vault.daemon.start();
    INFO("killed after " << delay_ms << " ms");
    vault.credential_works();
  }
  vault.daemon.expect(200, "POST", "/secrets/rotate-kek", Json::object());
  CHECK(vault.daemon.get("/secrets")["rotating"] == false);
  vault.credential_works();
  CHECK(vault.daemon.verify()["ok"] == true);
}

TEST_CASE("under a passphrase govd starts sealed until it is given", "[secrets_rotation]") {
  Vault vault;
  const std::string file = vault.daemon.directory() + "/passphrase";
  const std::string passphrase = "correct horse battery staple";
  std::ofstream(file) << passphrase << "\n";
  const auto says = [&](std::vector<std::string> words, int code, const std::string& what) {
    const ProgramEnd end = ctl(vault.daemon, std::move(words));
    INFO(end.output);
    CHECK(end.exit_code == code);
    CHECK(holds(end.output, what));
  };
  says({"secrets", "rotate-kek", "--passphrase"}, 64, "--stdin");
  says({"secrets", "rotate-kek", "--passphrase", "--from-file", file, "--destroy-old", "-y"}, 0, "");
  CHECK_FALSE(fs::exists(vault.daemon.keys() + "/master.key"));
  CHECK(mode_of(vault.daemon.keys() + "/master.sealed") == 0400);
  vault.credential_works();

  vault.daemon.restart();
  CHECK(vault.daemon.get("/status")["sealed"] == true);
  const Answer refused = vault.daemon.chat(vault.key.secret, request("fake/m"));
  CHECK(refused.status == 400);
  CHECK(holds(refused.body, "govctl secrets unseal"));
  CHECK(vault.daemon.chat(vault.key.secret, request("mock-model")).status == 200);
  says({"secrets", "status"}, 0, "SEALED");
  says({"doctor", "--quick"}, 2, "govctl secrets unseal");
  CHECK(vault.daemon.control("POST", "/orgs", {{"name", "new"}, {"slug", "new"}}).status == 503);
  CHECK(vault.daemon.control("POST", "/secrets/unseal", {{"secret", "wrong horse battery staple"}}).status ==
        401);
  says({"secrets", "unseal", "--from-file", file}, 0, "");
  vault.credential_works();
  says({"secrets", "unseal", "--from-file", file}, 7, "not sealed");
  says({"secrets", "rotate-kek"}, 64, "--passphrase");
  CHECK_FALSE(holds(vault.daemon.log(), passphrase));
  for (const auto& entry : fs::recursive_directory_iterator(vault.daemon.state())) {
    if (entry.is_regular_file()) CHECK_FALSE(holds(content_of(entry.path()), passphrase));
  }
}
