// What an auditor asks for: the log followed and exported, its head signed and sent elsewhere, sums by tag, and
// an org that is gone for good.

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/functional/harness/terminal.h"

using namespace govctl::test;

namespace {

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("audit tail ends with the newest, audit export has every row", "[evidence]") {
  Terminal t;
  const std::string key = t.set_up();
  REQUIRE(t.daemon.chat(key, request("mock-model", 50)).status == 200);
  t.works({"policy", "set", "acme", "--rpm", "60"});
  const auto last = lines_of(t.works({"audit", "tail", "acme", "--lines", "2", "-o", "jsonl"}));
  REQUIRE(last.size() == 2);
  CHECK(last[0]["event_type"] == "gateway.request");
  CHECK(last[1]["event_type"] == "policy.create");
  CHECK(lines_of(t.works({"audit", "tail", "acme", "--event", "policy.*", "-o", "jsonl"})).size() == 1);
  const auto all = lines_of(t.works({"audit", "export", "acme"}));
  CHECK(all.size() == t.daemon.audit("acme").size());
  CHECK(all.front()["event_type"] == "policy.create");
  CHECK(all.front()["hash"].get<std::string>().size() == 64);
  CHECK_FALSE(lines_of(t.works({"audit", "export", "--platform"})).empty());
  CHECK(t.ctl({"audit", "tail"}).exit_code == 64);
}

TEST_CASE("audit anchor signs the heads and sends the signatures where it is told", "[evidence]") {
  Terminal t;
  t.set_up();
  const std::string file = t.daemon.directory() + "/anchors.jsonl";
  const Json made = t.json({"audit", "anchor", "acme", "--to", file});
  REQUIRE(made["items"].size() == 2);  // no calls yet: the ledger and the audit log
  const auto sent = lines_of(content(file));
  REQUIRE(sent.size() == 2);
  CHECK(sent[0] == made["items"][0]);
  CHECK(sent[0]["signature"].get<std::string>().size() == 128);
  const Json entries = t.json({"ledger", "statement", "acme"})["items"];
  for (const Json& anchor : sent) {
    if (anchor["table"] != "ledger") continue;
    CHECK(anchor["hash"] == entries.back()["hash"]);
    CHECK(anchor["sum"] == 100'000);
  }
  const std::string piped = t.daemon.directory() + "/piped";
  t.works({"audit", "anchor", "--platform", "--to", "|cat > " + piped});
  CHECK(lines_of(content(piped)).size() == 1);
  CHECK(t.ctl({"audit", "anchor", "acme", "--to", "|exit 3"}).exit_code == 1);
  CHECK(t.ctl({"audit", "anchor", "acme", "--to", "/nonexistent/file"}).exit_code == 64);
  CHECK(t.daemon.expect(200, "POST", "/orgs/acme/anchors")["total"] == 2);
  CHECK(t.daemon.expect(200, "POST", "/audit/anchors")["total"] == 1);
  t.works({"ledger", "verify", "acme"});
}

TEST_CASE("usage report sums by each tag, and draws bars", "[evidence]") {
  Terminal t;
  const std::string key = t.set_up();
  const auto call = [&](const std::string& tags, std::int64_t tokens) {
    Headers headers;
    if (!tags.empty()) headers.emplace_back("x-govd-tags", tags);
    const Answer answer = t.daemon.chat(key, request("mock-model", tokens), headers);
    REQUIRE(answer.status == 200);
    return answer.json()["x_platform"]["credits_charged"].get<std::int64_t>();
  };
  const std::int64_t both = call("team=search,env=dev", 50);
  const std::int64_t search = call("team=search", 50);
  const std::int64_t none = call("", 50);
  const Json report = t.json({"usage", "report", "acme", "--by", "tag"})["items"];
  std::map<std::string, std::int64_t> credits;
  for (const Json& row : report) credits[row["name"]] = row["credits"];
  CHECK(credits ==
        std::map<std::string, std::int64_t>{{"team=search", both + search}, {"env=dev", both}, {"", none}});
  const std::string table = t.works({"usage", "report", "acme", "--by", "tag"});
  CHECK(holds(table, "████████████████████████\n"));
  CHECK(holds(table, "env=dev"));
  CHECK_FALSE(holds(t.works({"usage", "top", "acme"}), "█"));
}

TEST_CASE("a purged org cannot be brought back, and its key is destroyed", "[evidence]") {
  Terminal t;
  t.set_up();
  const std::string id = t.daemon.get("/orgs/acme")["id"];
  const std::string key_file = t.daemon.keys() + "/org-" + id + ".key";
  CHECK(std::filesystem::exists(key_file));
  const auto ends = [&](const std::vector<std::string>& words, int code) {
    const ProgramEnd end = t.ctl(words);
    INFO(end.output);
    CHECK(end.exit_code == code);
  };
  ends({"org", "purge", "acme", "--confirm=acme"}, 7);  // it is not deleted
  ends({"org", "delete", "acme", "--confirm=acme"}, 0);
  ends({"org", "purge", "acme"}, 64);
  ends({"org", "purge", "acme", "--confirm=other"}, 64);
  ends({"org", "purge", "acme", "--confirm=acme", "--dry-run"}, 0);
  ends({"org", "undelete", "acme"}, 0);
  ends({"org", "delete", "acme", "--confirm=acme"}, 0);
  t.daemon.expect(200, "POST", "/orgs/acme/purge?confirm=acme");
  CHECK_FALSE(std::filesystem::exists(key_file));
  CHECK(std::filesystem::is_empty(t.daemon.state() + "/trash"));
  ends({"org", "undelete", "acme"}, 6);
  CHECK(t.daemon.get("/audit?event=org.purge")["total"] == 1);
  t.daemon.restart();
  t.works({"org", "create", "acme", "--slug", "acme"});
  t.works({"audit", "verify"});
}
