#pragma once
// Known agents' programs: what each needs beyond the variables that SDKs read, so that neither its own settings
// nor a stored login lead it around the gateway.

#include <string>
#include <string_view>
#include <vector>

#include "cli/agent_env.h"
#include "common/error.h"

namespace govctl::cli {

// A directory that only this user can enter, gone with its owner.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> make();
  ~PrivateDirectory();
  PrivateDirectory(PrivateDirectory&& other) noexcept;
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  // Writes a file in it, for this user's eyes only, and gives its path.
  [[nodiscard]] Result<std::string> write(const std::string& name, const std::string& text) const;

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// What a program is started with, as far as it depends on the program.
struct Launch {
  std::string url, key;                  // of the gateway
  std::vector<std::string> environment;  // of govctl, for what is to be merged with
  std::vector<Variable> set;             // more variables for it
  std::vector<std::string> arguments;    // before the user's own; never a key
};

struct AgentClient {
  std::string_view program;
  Result<void> (*prepare)(Launch& launch, const PrivateDirectory& directory);
};
// The row for a program, by the last part of its path; null: the variables that SDKs read suffice.
const AgentClient* find_client(std::string_view program);

}  // namespace govctl::cli
