#pragma once
// The real govd in a directory of its own, and the words in which tests talk to it: the control API over its
// socket, the gateway over TCP. Wire constants are written out here again, so that a change of the wire is
// noticed.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/functional/harness/http.h"
#include "tests/functional/harness/programs.h"

namespace govctl::test {

// A directory under /tmp (a socket's path has at most 107 bytes), gone with its owner.
class Directory {
 public:
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct ProgramEnd {
  int exit_code = -1;   // -1 when a signal ended it
  std::string output;   // stdout and stderr
  std::string printed;  // stdout alone
};
// Runs a program to its end, with nothing on stdin.
ProgramEnd run(const std::vector<std::string>& command);
inline bool holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

struct Options {
  std::vector<std::string> flags;
  std::string state_dir = {};  // empty: in its directory
  bool start = true;
  bool slow_disk = false;  // hold_disk() works
};

struct Key {
  std::string id, secret;
};

class TestDaemon {
 public:
  explicit TestDaemon(const Options& options = {});
  // Stops it; a daemon that does not end with 0 fails the test.
  ~TestDaemon();
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  void start();
  // SIGTERM, and the exit code; -1 when a signal ended it.
  int stop();
  void terminate() const;  // SIGTERM, not waited for
  int wait();
  void kill();  // SIGKILL
  void restart();
  // Nothing gets to the disk until it is let go.
  void hold_disk() const;
  void let_disk_go() const;
  // Starts it where it cannot start: its exit code and what it said.
  ProgramEnd start_in_vain();
  // `govd verify` on the files, with further arguments.
  [[nodiscard]] ProgramEnd verify_files(const std::vector<std::string>& more = {}) const;

  [[nodiscard]] std::string state() const {
    return options_.state_dir.empty() ? directory_.path() + "/state" : options_.state_dir;
  }
  [[nodiscard]] std::string keys() const { return directory_.path() + "/keys"; }
  [[nodiscard]] std::string socket() const { return directory_.path() + "/s"; }
  [[nodiscard]] std::string log_file() const { return directory_.path() + "/govd.log"; }
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  [[nodiscard]] std::string log() const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& gateway() const { return gateway_; }
  [[nodiscard]] std::string org_file(const std::string& org);  // the path of its database

  // --- the control API
  Answer control(std::string_view method, std::string_view target, const Json& body = {},
                 const Headers& headers = {});
  // The answer's JSON; throws when the status is another.
  Json expect(int status, std::string_view method, std::string_view target, const Json& body = {});
  Json get(std::string_view target) { return expect(200, "GET", target); }

  std::string make_org(const std::string& slug, std::int64_t credits_per_usd = 1'000'000);
  // Creates workspace, group and agent of a path acme/prod/support/triage, what of them is missing.
  void make_agent(const std::string& path);
  Key make_key(const std::string& agent, Json fields = Json::object());
  void buy(const std::string& org, std::int64_t credits);
  // A provider row for a fake upstream; needs no credential unless `fields` say so.
  void provider(const std::string& name, const std::string& base_url, Json fields = Json::object());
  // USD per 1,000 tokens.
  void price(const std::string& provider, const std::string& model, const std::string& input,
             const std::string& output, Json fields = Json::object());
  Json policy(const std::string& path, Json fields);
  Json budget(const std::string& path, std::int64_t limit, Json fields = Json::object());

  std::int64_t balance(const std::string& org) { return get("/orgs/" + org + "/balance")["balance"]; }
  std::int64_t reserved(const std::string& org) { return get("/orgs/" + org + "/balance")["reserved"]; }
  // Newest first; at most 1,000.
  std::vector<Json> events(const std::string& org, const std::string& query = {});
  Json event(const std::string& request_id) { return get("/usage/request/" + request_id); }
  std::vector<Json> ledger(const std::string& org);
  std::vector<Json> audit(const std::string& org);
  Json verify() { return get("/verify"); }

  // --- the gateway
  Answer chat(const std::string& key, const Json& body, const Headers& headers = {});
  Answer chat_raw(const std::string& key, std::string_view body, const Headers& headers = {});
  Stream chat_stream(const std::string& key, Json body, const Headers& headers = {});
  // A request sent whose answer is not read yet.
  HttpClient chat_open(const std::string& key, const Json& body, const Headers& headers = {});

 private:
  std::vector<std::string> command() const;
  std::string disk_held() const;

  Directory directory_;
  Options options_;
  pid_t pid_ = -1;
  std::string gateway_;
};

// {"model":…,"max_tokens":…,"messages":[one short message]}
Json request(const std::string& model, std::int64_t max_tokens = 64);

// An org with an agent and its key, money, and a provider that is a fake upstream.
struct Shop {
  static constexpr auto org = "acme";
  static constexpr auto workspace = "acme/prod";
  static constexpr auto group = "acme/prod/support";
  static constexpr auto agent = "acme/prod/support/triage";
  Shop(TestDaemon& daemon, const std::string& upstream_url, std::int64_t credits = 1'000'000);
  Key key;
};

}  // namespace govctl::test
