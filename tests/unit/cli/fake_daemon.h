#pragma once
// A daemon of recorded answers on a Unix socket, and govctl run against it as a user would.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/api/fields.h"

namespace govctl::cli::test {

// A directory of the test's own, gone with it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};
std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

struct Seen {
  std::string method, target;  // as on the wire, percent-encoding and query included
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
};

class FakeDaemon {
 public:
  FakeDaemon();
  ~FakeDaemon();
  // "GET /orgs?limit=100" -> status and body. An answer given twice for one request comes in that order; the
  // last stays. What was not recorded is 404.
  void on(const std::string& request, int status, const std::string& body,
          const std::map<std::string, std::string>& headers = {});
  [[nodiscard]] std::vector<Seen> seen() const;
  [[nodiscard]] std::string socket() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Ran {
  int exit_code = -1;
  std::string out, err;
};
struct World {
  std::map<std::string, std::string> env{};
  std::string in{};
  bool in_is_tty = false, out_is_tty = false, err_is_tty = false;
  int rows = 0;
  std::function<bool(const std::string& command, const std::string& text)> page{};
  std::function<bool()> pause{};
};
// Without a daemon, `words` are run with a socket that does not exist.
Ran typed(const std::vector<std::string>& words, const World& world = {});
Ran typed(const FakeDaemon& daemon, const std::vector<std::string>& words, World world = {});

}  // namespace govctl::cli::test
