#include "common/paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using cli::test::TempDir;

namespace {
// Sets a variable for a test, and puts back what it was.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }
  ~Variable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

mode_t mode_of(const std::string& path) {
  struct stat seen{};
  return stat(path.c_str(), &seen) == 0 ? seen.st_mode & 07777 : 0;
}
}  // namespace

TEST_CASE("a user's files lie where XDG says, else below the home directory") {
  TempDir dir;
  const Variable home("HOME", dir.path().c_str());
  {
    const Variable state("XDG_STATE_HOME", "/s");
    const Variable config("XDG_CONFIG_HOME", "/c/");
    const Variable runtime("XDG_RUNTIME_DIR", dir.path().c_str());
    const auto paths = user_paths().value();
    CHECK(paths.state_dir == "/s/govctl");
    CHECK(paths.config_dir == "/c/govctl");
    CHECK(paths.keys_dir == "/c/govctl/keys");
    CHECK(paths.socket == dir.path() + "/govctl/govd.sock");
  }
  const Variable state("XDG_STATE_HOME", "relative/is/ignored");
  const Variable config("XDG_CONFIG_HOME", nullptr);
  const Variable runtime("XDG_RUNTIME_DIR", nullptr);
  const auto paths = user_paths().value();
  CHECK(paths.state_dir == dir.path() + "/.local/state/govctl");
  CHECK(paths.keys_dir == dir.path() + "/.config/govctl/keys");
  CHECK(paths.runtime_dir == "/tmp/govctl-" + std::to_string(geteuid()));
}

TEST_CASE("a private directory is made with its parents, or tightened, and nobody else's is taken") {
  TempDir dir;
  REQUIRE(ensure_private_dir(dir.file("a/b/c")));
  CHECK(mode_of(dir.file("a")) == 0700);
  CHECK(mode_of(dir.file("a/b/c")) == 0700);
  chmod(dir.file("a/b/c").c_str(), 0755);
  REQUIRE(ensure_private_dir(dir.file("a/b/c")));
  CHECK(mode_of(dir.file("a/b/c")) == 0700);
  cli::test::write_file(dir.file("file"), "");
  CHECK(ensure_private_dir(dir.file("file")).error().code == Code::invalid);
  if (geteuid() == 0) {
    REQUIRE(mkdir(dir.file("other").c_str(), 0777) == 0);
    REQUIRE(chown(dir.file("other").c_str(), 65534, 65534) == 0);
    CHECK(ensure_private_dir(dir.file("other")).error().code == Code::no_permission);
    std::filesystem::create_directory_symlink(dir.file("a"), dir.file("link"));
    REQUIRE(lchown(dir.file("link").c_str(), 65534, 65534) == 0);
    CHECK(ensure_private_dir(dir.file("link")).error().code == Code::no_permission);
  }
}

TEST_CASE("a socket's path has 107 bytes at most") {
  CHECK(check_socket_path("/" + std::string(106, 'x')));
  CHECK_FALSE(check_socket_path("/" + std::string(107, 'x')));
  CHECK_FALSE(check_socket_path(""));
}
