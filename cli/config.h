#pragma once
// $XDG_CONFIG_HOME/govctl/config.yaml:
//
//   current-context: prod
//   contexts:
//     prod: {socket: /run/govctl/govd.sock, token-file: /etc/govctl/prod.token, org: acme, output: table}
//
// Read only when the file exists.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

struct Context {
  std::optional<std::string> socket, token_file, org, output;
};

struct ContextSetting {
  std::string_view name, doc;
  std::optional<std::string> Context::* member;
};
std::span<const ContextSetting> context_settings();

// The context called `name`, or the current one. An absent file is an empty context, unless a name was asked
// for.
Result<Context> read_context(const std::string& file, const std::optional<std::string>& name);

// The names of the file's contexts; none when it cannot be read.
std::vector<std::string> context_names(const std::string& file);

}  // namespace govctl::cli
