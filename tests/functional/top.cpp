// govctl top, on a real terminal (tmux) and in a pipe; GET /live behind it.

#include <sys/types.h>

#include <thread>

#include "tests/functional/harness/terminal.h"

using namespace govctl::test;

namespace {

// A tmux server of its own with one window, gone with the test.
class Tmux {
 public:
  Tmux(const std::string& directory, int columns, int rows, const std::string& command)
      : socket_(directory + "/tmux") {
    tmux({"-f", "/dev/null", "new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows),
          "/bin/sh", "-c", command});
  }
  ~Tmux() { tmux({"kill-server"}); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;
  static bool is_there() { return run({"/bin/sh", "-c", "command -v tmux"}).exit_code == 0; }

  void keys(const std::string& which) const { tmux({"send-keys", which}); }
  void resize(int columns, int rows) const {
    tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  std::string ask(const std::string& format) const { return tmux({"display-message", "-p", format}).printed; }
  // The lines that the screen shows.
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::string text = tmux({"capture-pane", "-p"}).printed;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      all.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }
  // The screen once `words` stand on it.
  std::string shows(const std::string& words) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    std::string text;
    do {
      text = tmux({"capture-pane", "-p"}).printed;
      if (holds(text, words)) return text;
      std::this_thread::sleep_for(50ms);
    } while (std::chrono::steady_clock::now() < until);
    FAIL("the screen never shows '" << words << "':\n" << text);
    return text;
  }

 private:
  ProgramEnd tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {"/usr/bin/env", "-u", "TMUX", "LC_ALL=C.UTF-8", "TERM=xterm-256color", "tmux",
                                 "-S", socket_});
    return run(words);
  }
  std::string socket_;
};

std::size_t points(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0U) != 0x80 ? 1 : 0;
  return count;
}

struct Watched : GovernedTerminal {
  Key key;
  Watched() {
    key = daemon.make_key(agent);
    daemon.make_agent("acme/prod/support/an-agent-whose-name-is-as-long-as-names-may-be-0123456789-abcde");
    daemon.budget("acme/prod", 10'000);
    daemon.policy("acme", {{"name", "house"}, {"deny_models", {"gpt-*"}}});
    daemon.chat(key.secret, request("mock-model", 50));
    daemon.chat(key.secret, request("gpt-4o", 50));
  }
  std::string top_command() const { return govctl_program() + " --socket " + daemon.socket() + " top"; }
};

}  // namespace

TEST_CASE("the live picture has agents, budgets and refusals, of a path or of all", "[top]") {
  Watched t;
  t.daemon.make_org("other");
  const Json live = t.daemon.get("/live");
  INFO(live.dump(1));
  CHECK(live["orgs"].size() == 2);
  CHECK(live["agents_total"] == 2);
  const Json first = live["agents"][0];
  const Json charged = t.daemon.events("acme", "&status=SUCCESS").at(0)["credits_charged"];
  CHECK(first["path"] == t.agent);
  CHECK(first["last_calls"] == 2);
  CHECK(first["spent_day"] == charged);
  CHECK(live["budgets"][0]["spent"] == charged);
  CHECK(live["refusals"].size() == 1);
  CHECK(live["refusals"][0]["model"] == "gpt-4o");
  CHECK(t.daemon.get("/live?path=other")["agents_total"] == 0);
  CHECK(t.daemon.get("/live?path=other")["refusals"].empty());
  CHECK(t.daemon.get("/live?path=acme%2Fprod&limit=1")["agents"].size() == 1);
  t.daemon.expect(404, "GET", "/live?path=acme%2Fno");
  t.daemon.expect(400, "GET", "/live?limit=0");
}

TEST_CASE("top prints once in a pipe, as a table or as JSON", "[top]") {
  Watched t;
  const std::string table = t.works({"top"});
  INFO(table);
  for (const char* words : {"acme/prod/support/triage", "CALLS/MIN", "TOTAL", "gpt-4o", "house"}) {
    INFO(words);
    CHECK(holds(table, words));
  }
  CHECK(t.json({"top", "acme/prod"})["agents"].size() == 2);
  CHECK(t.ctl({"top", "--interval", "soon"}).exit_code == 64);
  CHECK(t.ctl({"top", "nowhere"}).exit_code == 6);
}

TEST_CASE("top fills a terminal of any size and gives it back", "[top]") {
  if (!Tmux::is_there()) {
    WARN("no tmux here: not tested");
    return;
  }
  Watched t;
  const Tmux tmux(t.daemon.directory(), 80, 24,
                  "stty -a; " + t.top_command() + " --interval 1s; echo \"ended $?\"; stty -a; sleep 60");
  const auto fits = [&](std::size_t columns, std::size_t rows) {
    const auto lines = tmux.lines();
    CHECK(lines.size() <= rows);
    for (const auto& line : lines) {
      INFO(line);
      CHECK(points(line) <= columns);
    }
    REQUIRE(lines.size() == rows);
    CHECK(holds(lines.front(), "govd "));
    CHECK(holds(lines.back(), "q quit"));
  };
  CHECK(holds(tmux.shows("q quit"), "CALLS/MIN"));
  fits(80, 24);
  t.daemon.chat(t.key.secret, request("gpt-9", 50));
  tmux.shows("gpt-9");  // live
  tmux.resize(200, 50);
  tmux.shows("an-agent-whose-name-is-as-long-as-names-may-be-0123456789-abcde");
  fits(200, 50);
  tmux.resize(40, 10);
  tmux.shows("q quit");
  tmux.keys("?");
  tmux.shows("space  now");
  tmux.keys("?");
  tmux.resize(200, 50);  // room for what stty prints
  tmux.keys("q");
  const std::string after = tmux.shows("ended 0");
  INFO(after);
  CHECK(tmux.ask("#{alternate_on}#{cursor_flag}#{wrap_flag}") == "011\n");
  CHECK(holds(tmux.shows(" icanon"), " echo "));
}

TEST_CASE("a signal ends top and the terminal is as it was", "[top]") {
  if (!Tmux::is_there()) {
    WARN("no tmux here: not tested");
    return;
  }
  Watched t;
  const Tmux tmux(t.daemon.directory(), 80, 24,
                  "trap : INT; " + t.top_command() + "; echo \"ended $?\"; stty -a; sleep 60");
  tmux.shows("q quit");
  tmux.keys("C-c");
  const std::string after = tmux.shows("ended 130");
  INFO(after);
  CHECK(tmux.ask("#{alternate_on}#{cursor_flag}") == "01\n");
  CHECK(holds(tmux.shows(" icanon"), " echo "));
}

TEST_CASE("top goes on while the daemon is away, and says so", "[top]") {
  if (!Tmux::is_there()) {
    WARN("no tmux here: not tested");
    return;
  }
  Watched t;
  const Tmux tmux(t.daemon.directory(), 80, 24, t.top_command() + " --interval 1s");
  tmux.shows("q quit");
  REQUIRE(t.daemon.stop() == 0);
  tmux.shows("not fresh: no daemon is running");
  t.daemon.start();
  tmux.shows("credits");
}
