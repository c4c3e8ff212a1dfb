#pragma once
// A secret on its way in, never by argv: --stdin, --from-file F or --env NAME.

#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "common/error.h"

namespace govctl::cli {

struct SecretSource {
  bool from_stdin = false;
  std::optional<std::string> file, variable;
  void declare(Arguments& arguments);
  [[nodiscard]] bool given() const { return from_stdin || file || variable; }
  // Without the line break at its end. Code::invalid when none or more than one source is given, or it is empty
  // or has more than one line. On a terminal, --stdin asks and shows nothing of what is typed.
  [[nodiscard]] Result<std::string> read(const Terminal& terminal) const;
};

// A file that gets a new secret: made with mode 0600 before the secret exists, so that none is lost for want of
// a place. An existing file is refused. Removed again unless store() was called.
class SecretFile {
 public:
  // `option`: what named the place, for errors.
  static Result<SecretFile> create(const std::string& path, std::string_view option = "--secret-file");
  ~SecretFile();
  SecretFile(SecretFile&& other) noexcept;
  SecretFile& operator=(SecretFile&&) = delete;
  // `sync`: on the disk when this returns; else its caller sees to that.
  Result<void> store(const std::string& secret, bool sync = true);

 private:
  SecretFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
  bool stored_ = false;
};

}  // namespace govctl::cli
