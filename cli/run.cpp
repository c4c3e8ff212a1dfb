#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/shell.h"
#include "cli/tree.h"
#include "cli/watch.h"
#include "common/nearest.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

using Words = std::vector<std::string>;

struct Synonym {
  std::string_view said, meant;
};
// Words that people bring along from elsewhere.
constexpr std::array synonyms{
    Synonym{"ls", "list"},          Synonym{"show", "get"},   Synonym{"describe", "get"},
    Synonym{"info", "get"},         Synonym{"rm", "delete"},  Synonym{"remove", "delete"},
    Synonym{"del", "delete"},       Synonym{"new", "create"}, Synonym{"add", "create"},
    Synonym{"create", "add"},       Synonym{"update", "set"}, Synonym{"edit", "set"},
    Synonym{"create", "set"},       Synonym{"add", "set"},    Synonym{"change", "set"},
    Synonym{"delete", "revoke"},    Synonym{"rm", "revoke"},  Synonym{"buy", "purchase"},
    Synonym{"start", "up"},         Synonym{"stop", "down"},  Synonym{"tenant", "org"},
    Synonym{"organization", "org"}, Synonym{"log", "logs"},   Synonym{"price", "pricing"}};

std::string_view guess(std::string_view word, const std::vector<std::string_view>& known) {
  for (const auto& row : synonyms) {
    if (row.said == word && std::ranges::find(known, row.meant) != known.end()) return row.meant;
  }
  return nearest(word, known);
}

Error unknown_noun(std::string_view word, const Words& following) {
  std::vector<std::string_view> names;
  for (const auto& noun : tree()) names.push_back(noun.name);
  // "create org": the noun comes first here.
  if (!following.empty()) {
    const Noun* swapped = find_noun(following.front());
    if (swapped != nullptr && find_command(*swapped, word) != nullptr) {
      return {Code::invalid, fmt::format("unknown command '{} {}': the noun comes first", word, swapped->name),
              fmt::format("govctl {} {}", swapped->name, word), ""};
    }
  }
  const std::string_view close = guess(word, names);
  if (close.empty())
    return {Code::invalid, fmt::format("unknown command '{}'", word.substr(0, 64)), "govctl help", ""};
  return {Code::invalid, fmt::format("unknown command '{}'; did you mean '{}'?", word.substr(0, 64), close),
          fmt::format("govctl help {}", close), ""};
}

Error unknown_verb(const Noun& noun, std::string_view word) {
  std::vector<std::string_view> verbs;
  for (const auto& command : noun.commands) verbs.push_back(command.verb);
  const std::string next = fmt::format("govctl help {}", noun.name);
  if (word.empty()) {
    return {Code::invalid, fmt::format("'{}' needs one of: {}", noun.name, fmt::join(verbs, ", ")), next, ""};
  }
  const std::string_view close = guess(word, verbs);
  return {Code::invalid,
          close.empty() ? fmt::format("unknown command '{} {}'; there are {}", noun.name, word.substr(0, 64),
                                      fmt::join(verbs, ", "))
                        : fmt::format("unknown command '{} {}'; did you mean '{}'?", noun.name,
                                      word.substr(0, 64), close),
          close.empty() ? next : fmt::format("govctl help {} {}", noun.name, close), ""};
}

// "; did you mean '--format'?", where one of the options of every command is near.
std::string hint_for(std::string_view word) {
  std::vector<std::string_view> names;
  for (const auto& option : global_options()) names.push_back(option.names.substr(option.names.find("--")));
  const std::string_view close = nearest(word.substr(0, word.find('=')), names);
  return close.empty() ? "" : fmt::format("; did you mean '{}'?", close);
}

}  // namespace

Result<Line> take_apart(const Words& words) {
  Line line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "-h" || word == "--help") {
      line.help = true;
    } else if (line.command != nullptr) {
      line.rest.push_back(word);
      if (word == "--") {
        line.rest.insert(line.rest.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
        break;
      }
    } else if (word == "--version" && line.noun == nullptr) {
      line.noun = find_noun("version");
      line.command = &line.noun->commands[0];
    } else if (word.size() > 1 && word.starts_with('-')) {
      const GlobalOption* option = global_option(word);
      if (option == nullptr) {
        return fail(Code::invalid,
                    fmt::format("unknown option '{}' before the command{}", word.substr(0, 64), hint_for(word)),
                    line.noun != nullptr ? fmt::format("govctl help {}", line.noun->name) : "govctl help");
      }
      line.rest.push_back(word);
      const bool value_follows =
          option->text != nullptr && (word.starts_with("--") ? !word.contains('=') : word.size() == 2);
      if (value_follows && i + 1 < words.size()) line.rest.push_back(words[++i]);
    } else if (line.noun == nullptr) {
      line.noun = find_noun(word);
      if (line.noun == nullptr) {
        return std::unexpected(
            unknown_noun(word, {words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end()}));
      }
      if (stands_alone(*line.noun)) line.command = &line.noun->commands[0];
    } else {
      line.command = find_command(*line.noun, word);
      if (line.command == nullptr) return std::unexpected(unknown_verb(*line.noun, word));
    }
  }
  return line;
}

namespace {

std::string help_page(const Line& line) {
  if (line.noun == nullptr) return help_top();
  if (line.command == nullptr) return help_noun(*line.noun);
  return help_command_page(*line.noun, *line.command);
}

int print(Terminal& terminal, const std::string& text, int exit_code, const std::string& pager) {
  const bool is_long = terminal.rows > 0 && std::ranges::count(text, '\n') >= terminal.rows;
  if (terminal.out_is_tty && is_long && !pager.empty() && terminal.page && terminal.page(pager, text)) {
    return exit_code;
  }
  terminal.out << text << std::flush;
  if (terminal.out) return exit_code;
  terminal.err << "govctl: the answer could not be written to standard output\n";
  return 1;
}

int report(Terminal& terminal, const Command* command, const Error& error, const std::string& request_id,
           bool json, const Settings* settings) {
  const bool with_id = error.code == Code::internal || (settings != nullptr && settings->verbose);
  terminal.err << error_text(error, request_id, json, settings != nullptr && settings->color_err, with_id);
  return command == nullptr || command->failure == 0 ? facts(error.code).exit_code : command->failure;
}

std::string help_of(const Line& line) {
  return fmt::format("govctl help {}{}{}", line.noun->name, line.command->verb.empty() ? "" : " ",
                     line.command->verb);
}

// Every error has a next command, also where it was raised too deep to know one.
Error with_next(const Line& line, const Arguments& arguments, Error error) {
  if (!error.next.empty() || error.code == Code::cancelled) return error;
  if (error.code == Code::internal || error.code == Code::corrupt) {
    error.next = "govctl logs --level warn";
  } else if (error.code == Code::stale && find_command(*line.noun, "get") != nullptr) {
    Words look{std::string(line.noun->name), "get"};
    for (const auto& parameter : arguments.parameters()) {
      if (parameter.positional && parameter.text != nullptr) look.push_back(*parameter.text);
    }
    error.next = command_line(look);
  } else {
    error.next = help_of(line);
  }
  return error;
}

// nlohmann's exceptions stop here: a field of another type than the API says.
Result<Answer> perform(const Action& action, Session& session) {
  try {
    return action(session);
  } catch (const Json::exception& error) {
    return fail(Code::internal, fmt::format("the daemon's answer is not what the API says: {}", error.what()),
                "govctl version");
  }
}

// What an answer is shown with.
struct Look {
  Terminal& terminal;
  const Settings& settings;
  const Session& session;
  Jq* jq;
};

// Prints the answer; its exit code.
Result<int> show(const Look& look, const Answer& answer) {
  const auto streamed = look.session.streamed();
  std::string text;
  if (!streamed) {
    auto rendered = render(answer, look.settings, look.terminal.out_is_tty, look.jq);
    if (!rendered) return std::unexpected(rendered.error());
    text = std::move(*rendered);
  }
  const int exit_code = print(look.terminal, text, answer.exit_code, look.settings.pager);
  look.terminal.err << remark(answer, look.settings, look.terminal.err_is_tty, streamed) << std::flush;
  return exit_code;
}

// One look of many: the whole list anew on a terminal, elsewhere what is new in it.
Result<int> show_again(const Look& look, Answer answer, Watch& watch) {
  if (look.terminal.out_is_tty && look.session.again() == Session::Again::redrawn) {
    look.terminal.out << "\x1b[H\x1b[2J";
    Settings settings = look.settings;
    settings.pager.clear();
    return show({look.terminal, settings, look.session, look.jq}, answer);
  }
  answer = watch.fresh(std::move(answer));
  if (!watch.began()) return show(look, answer);
  if (answer.json["items"].empty()) return 0;
  Settings settings = look.settings;
  settings.no_headers = true;
  return show({look.terminal, settings, look.session, look.jq}, answer);
}

int execute(const Line& line, const Words& words, Terminal& terminal) {
  const bool json = wants_json(words, terminal);
  Arguments arguments;
  GlobalFlags flags;
  const Action action = line.command->build(arguments);
  declare_globals(arguments, flags);
  if (auto parsed = arguments.parse(line.rest); !parsed) {
    return report(terminal, line.command, with_next(line, arguments, parsed.error()), "", json, nullptr);
  }
  auto settings = resolve_settings(flags, terminal);
  // Help on a broken configuration must not need a sound one.
  // Nor must a look for what is broken.
  if (!settings && (line.noun == find_noun("help") || line.noun == find_noun("doctor"))) {
    settings = Settings{};
    if (json) settings->format = Format::json;
    if (auto paths = user_paths()) settings->socket = paths->socket;
  }
  if (!settings)
    return report(terminal, line.command, with_next(line, arguments, settings.error()), "", json, nullptr);
  const bool json_errors = settings->format == Format::json || settings->format == Format::jsonl;
  std::optional<Jq> jq;  // compiled first: a bad expression must not be found after a change was made
  if (settings->jq) {
    auto compiled = Jq::compile(*settings->jq);
    if (!compiled)
      return report(terminal, line.command, with_next(line, arguments, compiled.error()), "", json_errors,
                    &*settings);
    jq.emplace(std::move(*compiled));
  }
  Session session(*settings, terminal, words);
  Watch watch;
  for (;;) {
    auto answer = perform(action, session);
    if (!answer)
      return report(terminal, line.command, with_next(line, arguments, answer.error()), session.request_id(),
                    json_errors, &*settings);
    if (answer->failure) {
      report(terminal, line.command, with_next(line, arguments, *answer->failure), session.request_id(),
             json_errors, &*settings);
      return answer->exit_code;
    }
    const Look look{terminal, *settings, session, jq ? &*jq : nullptr};
    const bool again = session.again() != Session::Again::no;
    auto shown = again ? show_again(look, std::move(*answer), watch) : show(look, *answer);
    if (!shown)
      return report(terminal, line.command, with_next(line, arguments, shown.error()), "", json_errors,
                    &*settings);
    if (!again || *shown != 0 || !terminal.pause || !terminal.pause()) return *shown;
  }
}

}  // namespace

int run(const Words& words, Terminal& terminal) {
  if (!words.empty() && words[0] == complete_word) {
    return print(terminal, completion_lines({words.begin() + 1, words.end()}, terminal), 0, "");
  }
  const auto line = take_apart(words);
  if (!line) return report(terminal, nullptr, line.error(), "", wants_json(words, terminal), nullptr);
  if (line->help || line->noun == nullptr) {
    const bool straight = std::ranges::find(words, "--no-pager") != words.end();
    return print(terminal, help_page(*line), 0, straight ? std::string() : pager_of(terminal));
  }
  if (line->command == nullptr) {
    return report(terminal, nullptr, unknown_verb(*line->noun, ""), "", wants_json(words, terminal), nullptr);
  }
  return execute(*line, words, terminal);
}

}  // namespace govctl::cli
