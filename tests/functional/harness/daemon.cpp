#include "tests/functional/harness/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

namespace govctl::test {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Starts a program whose stdout goes to `output` and stderr to `errors`; it ends with the thread that started
// it.
pid_t launch(const std::vector<std::string>& command, const std::string& output, const std::string& errors) {
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw WireError("fork failed");
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int err = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::execv(words[0], words.data());
  ::_exit(127);
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

// Waits until the process ends; kills it, and says so, when it does not before the deadline.
int wait_for_end(pid_t pid, std::chrono::seconds most) {
  const auto until = Steady::now() + most;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (Steady::now() > until) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      throw WireError(fmt::format("process {} did not end within {} s and was killed", pid, most.count()));
    }
    std::this_thread::sleep_for(2ms);
  }
  return exit_code_of(status);
}

std::string slug_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Directory::Directory() {
  std::string name = "/tmp/govd-test.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw WireError("no directory under /tmp");
  path_ = name;
}

Directory::~Directory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ProgramEnd run(const std::vector<std::string>& command) {
  const Directory directory;
  const std::string output = directory.path() + "/out";
  const std::string errors = directory.path() + "/err";
  const pid_t pid = launch(command, output, errors);
  ProgramEnd end;
  end.exit_code = wait_for_end(pid, patience);
  end.printed = read_file(output);
  end.output = end.printed + read_file(errors);
  return end;
}

TestDaemon::TestDaemon(const Options& options) : options_(options) {
  if (options_.start) start();
}

TestDaemon::~TestDaemon() {
  if (std::uncaught_exceptions() > 0) {
    const std::string text = log();
    std::cerr << "--- the end of govd's log\n"
              << text.substr(text.size() - std::min<std::size_t>(text.size(), 6000)) << '\n';
  }
  if (pid_ < 0) return;
  try {
    const int code = stop();
    if (code == 0 || std::uncaught_exceptions() > 0) return;
    std::cerr << "govd ended with " << code << " after SIGTERM; its log:\n" << log() << '\n';
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n' << log() << '\n';
    if (std::uncaught_exceptions() > 0) return;
  }
  std::abort();  // no test passes over a daemon that does not end well
}

std::vector<std::string> TestDaemon::command() const {
  std::vector<std::string> words{govd_program(), "--state-dir", state(),   "--keys-dir",
                                 keys(),         "--socket",    socket(),  "--listen",
                                 "127.0.0.1:0",  "--log-file",  log_file()};
  words.insert(words.end(), options_.flags.begin(), options_.flags.end());
  if (options_.slow_disk) {
    words.insert(words.begin(),
                 {"/usr/bin/env", "LD_PRELOAD=" + slow_disk_library(), "GOVD_DISK_HELD=" + disk_held()});
  }
  return words;
}

std::string TestDaemon::disk_held() const { return directory_.path() + "/disk-held"; }
void TestDaemon::hold_disk() const { std::ofstream(disk_held()) << "held"; }
void TestDaemon::let_disk_go() const { fs::remove(disk_held()); }

void TestDaemon::start() {
  const std::string output = directory_.path() + "/output";
  pid_ = launch(command(), output, output);
  const auto until = Steady::now() + patience;
  while (Steady::now() < until) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw WireError(fmt::format("govd ended at its start with {}:\n{}\n{}", exit_code_of(status),
                                  read_file(output), log()));
    }
    try {
      const Answer answer = control("GET", "/status");
      if (answer.status == 200) {
        gateway_ = answer.json()["gateway"]["url"];
        return;
      }
    } catch (const WireError&) {
      std::this_thread::sleep_for(2ms);  // not there yet
    }
  }
  throw WireError("govd does not answer:\n" + log());
}

void TestDaemon::terminate() const { ::kill(pid_, SIGTERM); }

int TestDaemon::wait() {
  const pid_t pid = pid_;
  pid_ = -1;
  return wait_for_end(pid, patience);
}

int TestDaemon::stop() {
  terminate();
  return wait();
}

void TestDaemon::kill() {
  ::kill(pid_, SIGKILL);
  wait();
}

void TestDaemon::restart() {
  if (pid_ >= 0 && stop() != 0) throw WireError("govd did not end with 0:\n" + log());
  start();
}

ProgramEnd TestDaemon::start_in_vain() {
  ProgramEnd end = run(command());
  end.output += log();
  return end;
}

ProgramEnd TestDaemon::verify_files(const std::vector<std::string>& more) const {
  std::vector<std::string> words{govd_program(), "verify", "--state-dir", state(), "--keys-dir", keys()};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

std::string TestDaemon::log() const { return read_file(directory_.path() + "/output") + read_file(log_file()); }

std::string TestDaemon::org_file(const std::string& org) {
  return fmt::format("{}/orgs/{}.db", state(), get("/orgs/" + org)["id"].get<std::string>());
}

Answer TestDaemon::control(std::string_view method, std::string_view target, const Json& body,
                           const Headers& headers) {
  return http(socket(), method, target, body.is_null() ? std::string{} : body.dump(), headers);
}

Json TestDaemon::expect(int status, std::string_view method, std::string_view target, const Json& body) {
  const Answer answer = control(method, target, body);
  if (answer.status != status) {
    throw WireError(
        fmt::format("{} {} gave {} instead of {}: {}", method, target, answer.status, status, answer.body));
  }
  return answer.json();
}

std::string TestDaemon::make_org(const std::string& slug, std::int64_t credits_per_usd) {
  return expect(201, "POST", "/orgs",
                {{"name", slug}, {"slug", slug}, {"credits_per_usd", credits_per_usd}})["id"];
}

void TestDaemon::make_agent(const std::string& path) {
  const std::string group = parent_of(path);
  const std::string workspace = parent_of(group);
  const auto unit = [&](const std::string& own, const std::string& here, const std::string& there) {
    if (control("GET", here + percent(own)).status == 200) return;
    expect(201, "POST", there, {{"name", slug_of(own)}, {"slug", slug_of(own)}});
  };
  unit(workspace, "/workspaces/", "/orgs/" + parent_of(workspace) + "/workspaces");
  unit(group, "/agent-groups/", "/workspaces/" + percent(workspace) + "/agent-groups");
  unit(path, "/agents/", "/agent-groups/" + percent(group) + "/agents");
}

Key TestDaemon::make_key(const std::string& agent, Json fields) {
  static std::atomic<int> number = 0;
  if (!fields.contains("name")) fields["name"] = fmt::format("key-{}", ++number);
  const Json made = expect(201, "POST", "/agents/" + percent(agent) + "/keys", fields);
  return {made["id"], made["key"]};
}

void TestDaemon::buy(const std::string& org, std::int64_t credits) {
  expect(201, "POST", "/credits/purchase", {{"org", org}, {"amount", credits}});
}

void TestDaemon::provider(const std::string& name, const std::string& base_url, Json fields) {
  fields["name"] = name;
  fields["base_url"] = base_url;
  if (!fields.contains("kind")) fields["kind"] = "openai";
  if (!fields.contains("needs_credential")) fields["needs_credential"] = false;
  expect(201, "POST", "/providers", fields);
}

void TestDaemon::price(const std::string& provider, const std::string& model, const std::string& input,
                       const std::string& output, Json fields) {
  fields["input"] = input;
  fields["output"] = output;
  const Answer answer = control("PUT", "/pricing/" + percent(provider) + "/" + percent(model), fields);
  if (answer.status != 200 && answer.status != 201) {
    throw WireError(fmt::format("pricing gave {}: {}", answer.status, answer.body));
  }
}

Json TestDaemon::policy(const std::string& path, Json fields) {
  fields["path"] = path;
  return expect(201, "POST", "/policies", fields);
}

Json TestDaemon::budget(const std::string& path, std::int64_t limit, Json fields) {
  fields["path"] = path;
  fields["limit"] = limit;
  if (!fields.contains("period")) fields["period"] = "TOTAL";
  return expect(201, "POST", "/budgets", fields);
}

std::vector<Json> TestDaemon::events(const std::string& org, const std::string& query) {
  return get("/usage/history/" + org + "?limit=1000" + query)["items"];
}

std::vector<Json> TestDaemon::ledger(const std::string& org) {
  return get("/orgs/" + org + "/ledger?limit=1000")["items"];
}

std::vector<Json> TestDaemon::audit(const std::string& org) {
  return get("/orgs/" + org + "/audit?limit=1000")["items"];
}

Answer TestDaemon::chat(const std::string& key, const Json& body, const Headers& headers) {
  return chat_raw(key, body.dump(), headers);
}

Answer TestDaemon::chat_raw(const std::string& key, std::string_view body, const Headers& headers) {
  Headers all{{"Authorization", "Bearer " + key}};
  all.insert(all.end(), headers.begin(), headers.end());
  return http(gateway_, "POST", "/v1/chat/completions", body, all);
}

HttpClient TestDaemon::chat_open(const std::string& key, const Json& body, const Headers& headers) {
  Headers all{{"Authorization", "Bearer " + key}};
  all.insert(all.end(), headers.begin(), headers.end());
  HttpClient client(gateway_);
  client.send("POST", "/v1/chat/completions", body.dump(), all);
  return client;
}

Stream TestDaemon::chat_stream(const std::string& key, Json body, const Headers& headers) {
  body["stream"] = true;
  HttpClient client = chat_open(key, body, headers);
  return read_stream(client);
}

Json request(const std::string& model, std::int64_t max_tokens) {
  return {{"model", model},
          {"max_tokens", max_tokens},
          {"messages", {{{"role", "user"}, {"content", "Say something."}}}}};
}

Shop::Shop(TestDaemon& daemon, const std::string& upstream_url, std::int64_t credits) {
  daemon.make_org(org);
  daemon.make_agent(agent);
  key = daemon.make_key(agent);
  if (credits > 0) daemon.buy(org, credits);
  daemon.provider("fake", upstream_url);
}

}  // namespace govctl::test
