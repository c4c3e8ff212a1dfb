#pragma once
// The options and variables that every command obeys (50-cli.md "Global"). Order: flag > environment > context
// > default.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "common/clock.h"
#include "common/error.h"

namespace govctl::cli {

enum class Format { table, wide, json, jsonl, yaml, csv };

// As given on the command line.
struct GlobalFlags {
  std::optional<std::string> output, jq, color, context, socket, timeout;
  bool quiet = false, no_headers = false, yes = false, dry_run = false, no_input = false, verbose = false;
  bool print_curl = false, no_pager = false;
};

struct GlobalOption {
  std::string_view names, value, doc;
  std::optional<std::string> GlobalFlags::* text;
  bool GlobalFlags::* flag;
  std::span<const std::string_view> choices{};
  Names named = Names::by_word;
};
std::span<const GlobalOption> global_options();
// The row that `word` ("-o", "--format", "--format=json", "-ojson") spells, or null.
const GlobalOption* global_option(std::string_view word);
void declare_globals(Arguments& arguments, GlobalFlags& flags);

struct Settings {
  Format format = Format::table;
  std::optional<std::string> jq;
  bool quiet = false, no_headers = false, yes = false, dry_run = false, no_input = false, verbose = false;
  bool print_curl = false;
  std::string pager;  // the command that long answers go through on a terminal, or empty
  bool color_out = false, color_err = false;
  std::string socket;            // where to connect
  bool socket_is_given = false;  // by flag, environment or context, not by default
  std::optional<std::string> token;
  std::optional<std::string> org;       // what a path that starts with '/' begins with
  std::optional<std::int64_t> timeout;  // microseconds
};
Result<Settings> resolve_settings(const GlobalFlags& flags, const Terminal& terminal);

// $GOVCTL_PAGER, $PAGER, else less; empty where there is to be none.
std::string pager_of(const Terminal& terminal);

// The format that an error before resolve_settings() is printed in: what -o or GOVCTL_OUTPUT seem to say.
bool wants_json(const std::vector<std::string>& words, const Terminal& terminal);

}  // namespace govctl::cli
