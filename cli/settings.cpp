#include "cli/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "cli/config.h"
#include "common/nearest.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

struct FormatWord {
  std::string_view word;
  Format format;
};
constexpr std::array formats{FormatWord{"table", Format::table}, FormatWord{"wide", Format::wide},
                             FormatWord{"json", Format::json},   FormatWord{"jsonl", Format::jsonl},
                             FormatWord{"yaml", Format::yaml},   FormatWord{"csv", Format::csv}};

constexpr auto format_words = [] {
  std::array<std::string_view, formats.size()> words{};
  std::ranges::transform(formats, words.begin(), &FormatWord::word);
  return words;
}();
constexpr std::array<std::string_view, 3> color_words{"auto", "always", "never"};

using G = GlobalFlags;
constexpr std::array options{
    GlobalOption{"-o,--format", "FORMAT", "table, wide, json, jsonl, yaml or csv", &G::output, nullptr,
                 format_words},
    GlobalOption{"--jq", "EXPR", "Run the JSON answer through a jq expression; strings print raw", &G::jq,
                 nullptr},
    GlobalOption{"-q,--quiet", "", "Print ids or paths only, and no notes", nullptr, &G::quiet},
    GlobalOption{"--no-headers", "", "No header line in tables and CSV", nullptr, &G::no_headers},
    GlobalOption{"--color", "WHEN", "auto, always or never (NO_COLOR is honoured)", &G::color, nullptr,
                 color_words},
    GlobalOption{"--no-pager", "", "Long answers straight to the terminal", nullptr, &G::no_pager},
    GlobalOption{"-y,--yes", "", "Do not ask before deleting or revoking", nullptr, &G::yes},
    GlobalOption{"-n,--dry-run", "", "The daemon checks the change and answers, but keeps nothing", nullptr,
                 &G::dry_run},
    GlobalOption{"--no-input", "", "Never ask anything", nullptr, &G::no_input},
    GlobalOption{
        "--context", "NAME", "The context of config.yaml to use", &G::context, nullptr, {}, Names::context},
    GlobalOption{"--socket", "FILE", "The daemon's control socket", &G::socket, nullptr},
    GlobalOption{"--timeout", "T", "How long to wait for the daemon: 5s, 2m (default 60s)", &G::timeout,
                 nullptr},
    GlobalOption{"-v,--verbose", "", "Say on stderr what is sent and how long it took", nullptr, &G::verbose},
    GlobalOption{"--print-curl", "", "Print each request on stderr as a curl command", nullptr, &G::print_curl},
};

Result<Format> parse_format(std::string_view word) {
  for (const auto& row : formats) {
    if (row.word == word) return row.format;
  }
  const std::string_view close = nearest(word, {format_words.begin(), format_words.end()});
  return fail(Code::invalid,
              fmt::format("'{}' is no output format; use one of {}{}", word.substr(0, 40),
                          fmt::join(format_words, ", "),
                          close.empty() ? "" : fmt::format("; did you mean '{}'?", close)),
              "govctl help output");
}

Result<std::string> read_token(const std::string& file) {
  std::ifstream stream(file);
  std::string token;
  if (!stream || !std::getline(stream, token) || token.empty()) {
    return fail(Code::invalid, fmt::format("no token can be read from {}", file));
  }
  return token;
}

std::optional<std::string> variable(const Terminal& terminal, const char* name) {
  auto value = terminal.env(name);
  if (value && value->empty()) value.reset();
  return value;
}

// The user's own daemon, unless only the machine's is there.
Result<std::string> default_socket() {
  auto paths = user_paths();
  if (!paths) return std::unexpected(paths.error());
  if (access(paths->socket.c_str(), F_OK) == 0) return paths->socket;
  const std::string machine = system_paths().socket;
  // A directory that does not let us look may well hold it: connecting then says so.
  return access(machine.c_str(), F_OK) == 0 || errno == EACCES ? machine : paths->socket;
}

Result<void> resolve_color(const GlobalFlags& flags, const Terminal& terminal, Settings& settings) {
  const std::string when = flags.color.value_or("auto");
  if (when == "always") {
    settings.color_out = settings.color_err = true;
  } else if (when == "auto") {
    const bool plain = variable(terminal, "NO_COLOR").has_value();
    settings.color_out = terminal.out_is_tty && !plain;
    settings.color_err = terminal.err_is_tty && !plain;
  } else if (when != "never") {
    return fail(Code::invalid,
                fmt::format("--color: '{}' is none of {}", when.substr(0, 40), fmt::join(color_words, ", ")));
  }
  return {};
}

}  // namespace

std::span<const GlobalOption> global_options() { return options; }

const GlobalOption* global_option(std::string_view word) {
  const bool is_long = word.starts_with("--");
  if (is_long) word = word.substr(0, word.find('='));
  for (const auto& option : options) {
    std::string_view names = option.names;
    while (!names.empty()) {
      const std::size_t comma = names.find(',');
      const std::string_view name = names.substr(0, comma);
      if (word == name || (!is_long && name.size() == 2 && word.starts_with(name))) return &option;
      names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    }
  }
  return nullptr;
}

void declare_globals(Arguments& arguments, GlobalFlags& flags) {
  arguments.globals_from_here();
  for (const auto& option : options) {
    if (option.text != nullptr && option.named != Names::by_word) {
      arguments.option(option.names, option.value, flags.*(option.text), option.doc, option.named);
    } else if (option.text != nullptr) {
      arguments.option(option.names, option.value, flags.*(option.text), option.doc,
                       {option.choices.begin(), option.choices.end()});
    } else {
      arguments.flag(option.names, flags.*(option.flag), option.doc);
    }
  }
}

Result<Settings> resolve_settings(const GlobalFlags& flags, const Terminal& terminal) {
  Settings settings;
  settings.jq = flags.jq;
  settings.quiet = flags.quiet;
  settings.no_headers = flags.no_headers;
  settings.yes = flags.yes;
  settings.dry_run = flags.dry_run;
  settings.no_input = flags.no_input;
  settings.verbose = flags.verbose;
  settings.print_curl = flags.print_curl;
  if (!flags.no_pager) settings.pager = pager_of(terminal);
  if (auto ok = resolve_color(flags, terminal, settings); !ok) return std::unexpected(ok.error());

  Context context;
  const auto name = flags.context ? flags.context : variable(terminal, "GOVCTL_CONTEXT");
  const auto paths = user_paths();
  if (!paths) return std::unexpected(paths.error());
  auto read = read_context(paths->config_dir + "/config.yaml", name);
  if (!read) return std::unexpected(read.error());
  context = *read;

  const auto pick = [&](const std::optional<std::string>& flag, const char* env,
                        const std::optional<std::string>& fallback) {
    if (flag) return flag;
    if (auto value = variable(terminal, env)) return value;
    return fallback;
  };
  if (const auto word = pick(flags.output, "GOVCTL_OUTPUT", context.output)) {
    auto format = parse_format(*word);
    if (!format) return std::unexpected(format.error());
    settings.format = *format;
  }
  settings.org = pick(std::nullopt, "GOVCTL_ORG", context.org);
  if (const auto socket = pick(flags.socket, "GOVCTL_SOCKET", context.socket)) {
    settings.socket = *socket;
    settings.socket_is_given = true;
  } else {
    auto found = default_socket();
    if (!found) return std::unexpected(found.error());
    settings.socket = *found;
  }
  if (auto ok = check_socket_path(settings.socket); !ok) return std::unexpected(ok.error());
  settings.token = variable(terminal, "GOVCTL_TOKEN");
  if (!settings.token) {
    if (const auto file = pick(std::nullopt, "GOVCTL_TOKEN_FILE", context.token_file)) {
      auto token = read_token(*file);
      if (!token) return std::unexpected(token.error());
      settings.token = *token;
    }
  }
  if (flags.timeout) {
    settings.timeout = parse_duration(*flags.timeout);
    if (!settings.timeout) {
      return fail(Code::invalid, fmt::format("--timeout: '{}' is no duration; write 5s, 2m or 1h",
                                             flags.timeout->substr(0, 40)));
    }
  }
  return settings;
}

std::string pager_of(const Terminal& terminal) {
  for (const auto* name : {"GOVCTL_PAGER", "PAGER"}) {
    const auto value = terminal.env(name);
    if (value) return *value == "cat" ? std::string() : *value;
  }
  return "less";
}

bool wants_json(const std::vector<std::string>& words, const Terminal& terminal) {
  std::string value = variable(terminal, "GOVCTL_OUTPUT").value_or("");
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string& word = words[i];
    if ((word == "-o" || word == "--format") && i + 1 < words.size()) value = words[i + 1];
    if (word.starts_with("--format=")) value = word.substr(9);
    if (word.starts_with("-o") && word.size() > 2) value = word.substr(2);
    if (value.starts_with("=")) value.erase(0, 1);
  }
  return value == "json" || value == "jsonl";
}

}  // namespace govctl::cli
