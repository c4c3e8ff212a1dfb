#include "tests/unit/cli/fake_daemon.h"

#include <httplib.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/run.h"

namespace govctl::cli::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "govctl-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = name;
}
TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}
void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

namespace {
struct Recorded {
  int status;
  std::string body;
  std::map<std::string, std::string> headers;
};
}  // namespace

struct FakeDaemon::State {
  TempDir dir;
  httplib::Server server;
  std::thread thread;
  mutable std::mutex mutex;
  std::map<std::string, std::deque<Recorded>> answers;
  std::vector<Seen> seen;

  void answer(const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex);
    Seen note{.method = request.method, .target = request.target, .body = request.body, .headers = {}};
    for (const auto& [spelling, value] : request.headers) {
      std::string name = spelling;
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      note.headers[name] = value;
    }
    seen.push_back(note);
    response.set_header("x-request-id", "req_01938f2e-7a1b-7c3d-8e4f-000000000001");
    const auto found = answers.find(request.method + " " + request.target);
    if (found == answers.end()) {
      response.status = 404;
      response.set_content(R"({"error":{"code":"not_found","message":"nothing recorded for )" + request.target +
                               R"(","next":null}})",
                           "application/json");
      return;
    }
    const Recorded recorded = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    response.status = recorded.status;
    for (const auto& [name, value] : recorded.headers) response.set_header(name, value);
    response.set_content(recorded.body, "application/json");
  }
};

FakeDaemon::FakeDaemon() : state_(std::make_unique<State>()) {
  auto handler = [state = state_.get()](const httplib::Request& request, httplib::Response& response) {
    state->answer(request, response);
  };
  auto& server = state_->server;
  server.set_address_family(AF_UNIX);
  server.set_keep_alive_timeout(1);
  server.Get(".*", handler).Post(".*", handler).Put(".*", handler).Patch(".*", handler).Delete(".*", handler);
  server.bind_to_port(socket(), 80);
  state_->thread = std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
}

FakeDaemon::~FakeDaemon() {
  state_->server.stop();
  state_->thread.join();
}

void FakeDaemon::on(const std::string& request, int status, const std::string& body,
                    const std::map<std::string, std::string>& headers) {
  const std::lock_guard lock(state_->mutex);
  state_->answers[request].push_back({status, body, headers});
}

std::vector<Seen> FakeDaemon::seen() const {
  const std::lock_guard lock(state_->mutex);
  return state_->seen;
}

std::string FakeDaemon::socket() const { return state_->dir.file("govd.sock"); }

Ran typed(const std::vector<std::string>& words, const World& world) {
  std::istringstream in(world.in);
  std::ostringstream out;
  std::ostringstream err;
  Terminal terminal{.in = in,
                    .out = out,
                    .err = err,
                    .in_is_tty = world.in_is_tty,
                    .out_is_tty = world.out_is_tty,
                    .err_is_tty = world.err_is_tty,
                    .env = [&](const char* name) -> std::optional<std::string> {
                      const auto found = world.env.find(name);
                      return found == world.env.end() ? std::nullopt : std::optional(found->second);
                    },
                    .rows = world.rows,
                    .page = world.page,
                    .pause = world.pause};
  if (!world.env.contains("GOVCTL_SOCKET")) {
    World elsewhere = world;
    elsewhere.env["GOVCTL_SOCKET"] = "/nonexistent/govd.sock";
    return typed(words, elsewhere);
  }
  Ran ran;
  ran.exit_code = run(words, terminal);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

Ran typed(const FakeDaemon& daemon, const std::vector<std::string>& words, World world) {
  world.env["GOVCTL_SOCKET"] = daemon.socket();
  return typed(words, world);
}

}  // namespace govctl::cli::test
