#pragma once
// The manual, made from the tree of commands: what `man/` holds besides the pages that are written by hand.

#include <string>
#include <string_view>
#include <vector>

namespace govctl::cli::docs {

struct File {
  std::string name;  // "man/govctl-agent-create.1"
  std::string text;
};

// A page for govctl, for each noun, for each command; govctl-config(5), govctl-exit-codes(7).
std::vector<File> manual();
// govd(8): `frame` with its line "@OPTIONS@" replaced by what `govd --help` says of its options.
File daemon_page(std::string_view frame, const std::string& help);
// The shells' scripts.
std::vector<File> completions();

}  // namespace govctl::cli::docs
