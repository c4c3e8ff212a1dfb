// Points 27 to 33 and 39: secrets, connections, refusals.

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

std::string none_in_argv(PointWorld& w) {
  const Ended given = w.ctl({"credential", "add", "acme", "groq", PointWorld::secret});
  if (given.code != 64) return because("a secret as an argument is taken", given);
  const std::regex option(R"(--(secret|password|token|api-key|passphrase|key-value) [A-Z])");
  for (auto words : w.commands()) {
    words.emplace_back("-h");
    const Ended page = w.ctl(words);
    if (std::regex_search(page.out, option)) return because("an option takes a secret", page);
  }
  return {};
}

std::string no_secret_shows(PointWorld& w) {
  const std::string secret = "sk-shown-0123456789abcdef";
  const std::string file = w.file("secret");
  std::ofstream(file) << secret << "\n";
  // What runs while the secret is handed over, and all that is printed and logged.
  const Ended added = w.shell(
      "(for i in 1 2 3 4 5 6 7 8; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; done) &"
      " govctl credential add acme mistral --from-file " +
      file + " -v --print-curl; govctl credential add acme xai --stdin -v --print-curl <" + file + "; wait");
  if (added.code != 0) return because("credential add", added);
  for (const std::string& text : {added.out, added.err, w.daemon.log()}) {
    for (const std::string& each : {secret, std::string(PointWorld::secret), w.key.secret}) {
      if (has(text, each)) return "a secret is shown: " + text.substr(0, 300);
    }
  }
  if (!w.knows("run")) return "there is no run, whose key must not show in /proc/*/cmdline";
  const Ended ran = w.shell(
      fmt::format("govctl run --agent {} -- sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr \"\\0\" \" \"'",
                  PointWorld::agent));
  return ran.code == 0 && !has(ran.out, "cpk_") ? "" : because("run", ran);
}

// A daemon that speaks another major of the API.
class Skewed {
 public:
  explicit Skewed(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(fd_, 8) != 0) {
      throw WireError("no socket " + path);
    }
    thread_ = std::thread([this] {
      for (int client = ::accept(fd_, nullptr, nullptr); client >= 0;
           client = ::accept(fd_, nullptr, nullptr)) {
        std::array<char, 4096> ignored{};
        static_cast<void>(::read(client, ignored.data(), ignored.size()));
        constexpr std::string_view answer =
            "HTTP/1.1 200 OK\r\nx-govd-api: 99\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n{}";
        static_cast<void>(::write(client, answer.data(), answer.size()));
        ::close(client);
      }
    });
  }
  Skewed(const Skewed&) = delete;
  Skewed& operator=(const Skewed&) = delete;
  ~Skewed() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

 private:
  int fd_;
  std::thread thread_;
};

std::string three_messages(PointWorld& w) {
  const Ended down = w.ctl({"org", "list"}, {.socket = PointWorld::nowhere});
  const bool root = ::geteuid() == 0;
  TestDaemon other;
  if (!root) ::chmod(other.socket().c_str(), 0);
  const Ended closed =
      w.shell(root ? "setpriv --reuid=65534 --regid=65534 --clear-groups \"$(command -v govctl)\" org list"
                   : "govctl org list",
              {.socket = other.socket()});
  if (!root) ::chmod(other.socket().c_str(), 0600);
  const std::string path = w.file("skew");
  const Skewed skewed(path);
  const Ended skew = w.ctl({"org", "list"}, {.socket = path});
  if (down.code != 69 || !has(down.err, "no daemon is running") || !has(down.err, "govctl up"))
    return because("down", down);
  if (closed.code != 4 || !has(closed.err, "does not admit")) return because("no permission", closed);
  if (skew.code != 69 || !has(skew.err, "versions differ") || !has(skew.err, "99"))
    return because("skew", skew);
  return {};
}

std::string version_offline(PointWorld& w) {
  for (const auto* word : {"version", "--version"}) {
    const Ended ended = w.ctl({word}, {.socket = PointWorld::nowhere});
    if (ended.code != 0 || !std::regex_search(ended.out, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+")))
      return because(word, ended);
  }
  return {};
}

std::string wait_ends(PointWorld& w) {
  const Ended none = w.ctl({"wait", "--timeout", "1s"}, {.socket = PointWorld::nowhere, .seconds = 10});
  if (none.code != 8) return because("nobody to wait for", none);
  const Ended there = w.ctl({"wait", "--timeout", "5s"});
  return there.code == 0 ? "" : because("a daemon that serves", there);
}

std::string doctor_finds(PointWorld& w) {
  if (!w.knows("doctor")) return "there is no doctor";
  const Ended ended = w.ctl({"doctor"}, {.socket = PointWorld::nowhere});
  return ended.code != 0 && has(ended.out + ended.err, "govctl up") ? ""
                                                                    : because("doctor without a daemon", ended);
}

std::string refusal_names_all(PointWorld& w) {
  for (const std::string& part :
       {std::string("DAILY budget"), std::string("acme/prod"), std::string("limit 100"), std::string("spent"),
        std::string("resets at"), "govctl explain " + w.refused}) {
    if (!has(w.refusal, part)) return "the refusal lacks '" + part + "': " + w.refusal;
  }
  const Ended explained = w.ctl({"explain", w.refused});
  for (const auto* part : {"the DAILY budget of acme/prod", "acme: house", "100", "resets",
                           "govctl budget set acme/prod --period daily --limit "}) {
    if (!has(explained.out, part)) return because(part, explained);
  }
  return {};
}

std::string socket_closed(PointWorld& w) {
  struct stat seen{};
  if (::stat(w.daemon.socket().c_str(), &seen) != 0 || (seen.st_mode & 0777U) != 0600) {
    return fmt::format("the socket's mode is {:o}", seen.st_mode & 0777U);
  }
  for (const Headers& headers : {Headers{{"Origin", "https://evil.example"}}, Headers{{"Host", "evil.example"}},
                                 Headers{{"Referer", "https://evil.example/x"}}, Headers{{"Origin", "null"}}}) {
    const Answer answer = w.daemon.control("GET", "/orgs", {}, headers);
    if (answer.status != 403) return fmt::format("{} gives {}", headers[0].second, answer.status);
  }
  return {};
}

constexpr std::array points{Point{27, "no secret is taken in argv", none_in_argv},
                            Point{28, "/proc/*/cmdline and logs are free of secrets", no_secret_shows},
                            Point{29, "three messages for down, no permission, version skew", three_messages},
                            Point{30, "version works offline", version_offline},
                            Point{31, "wait ends on time", wait_ends},
                            Point{32, "doctor fails on a fault, with the fix", doctor_finds},
                            Point{33, "a refusal names rule, path, limit, reset", refusal_names_all},
                            Point{39, "the socket's mode; foreign Origin and Host are refused", socket_closed}};

}  // namespace

std::span<const Point> trust_points() { return points; }

}  // namespace govctl::test
