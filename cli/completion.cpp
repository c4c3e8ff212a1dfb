#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <unordered_set>

#include "cli/config.h"
#include "cli/help.h"
#include "cli/live_names.h"
#include "cli/run.h"
#include "cli/text.h"
#include "cli/tree.h"
#include "common/paths.h"

namespace govctl::cli {
namespace {

using Words = std::vector<std::string>;
using Candidates = std::vector<Candidate>;

constexpr std::int64_t patience = 100'000;  // microseconds, for all that the daemon is asked
constexpr std::string_view files_line = ":files\n", directories_line = ":directories\n";

Candidates nouns() {
  Candidates found;
  for (const auto& noun : tree()) found.push_back({std::string(noun.name), std::string(noun.summary)});
  return found;
}

Candidates verbs_of(const Noun& noun) {
  Candidates found;
  if (stands_alone(noun)) return found;
  for (const auto& command : noun.commands)
    found.push_back({std::string(command.verb), std::string(command.summary)});
  return found;
}

// What `help` explains: a noun or a topic, then a verb.
Candidates commands(const Arguments::Typed& typed) {
  std::vector<std::string> words;
  for (const auto& [parameter, value] : typed.given) {
    if (parameter->names == Names::command) words.push_back(value);
  }
  if (words.empty()) {
    auto found = nouns();
    for (const auto topic : topic_names()) found.push_back({std::string(topic), "Topic"});
    return found;
  }
  const Noun* noun = words.size() == 1 ? find_noun(words[0]) : nullptr;
  return noun == nullptr ? Candidates() : verbs_of(*noun);
}

Candidates options(const Arguments& arguments, const Arguments::Typed& typed) {
  Candidates found;
  for (const auto& parameter : arguments.parameters()) {
    const bool again = parameter.many != nullptr || std::ranges::none_of(typed.given, [&](const auto& pair) {
                         return pair.first == &parameter;
                       });
    if (parameter.positional || !again) continue;
    for (const auto name : spellings(parameter.name)) found.push_back({std::string(name), parameter.doc});
  }
  found.push_back({"--help", "Show help, beginning with examples"});
  return found;
}

// "on|off", "bash|zsh|fish": the alternatives that a value's word spells out.
Candidates alternatives(std::string_view word) {
  Candidates found;
  const bool spelled =
      word.contains('|') && std::ranges::none_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  while (spelled && !word.empty()) {
    const std::size_t bar = word.find('|');
    found.push_back({std::string(word.substr(0, bar))});
    word = bar == std::string_view::npos ? std::string_view() : word.substr(bar + 1);
  }
  return found;
}

// One line that is being typed.
class Completion {
 public:
  Completion(const Words& before, std::string current, Terminal& terminal)
      : current_(std::move(current)), terminal_(terminal) {
    auto line = take_apart(before);
    if (!line) return;
    line_ = std::move(*line);
    if (line_.command != nullptr) action_ = line_.command->build(arguments_);
    declare_globals(arguments_, flags_);
    typed_ = arguments_.typed(line_.rest);
    understood_ = true;
  }

  std::string lines() {
    if (!understood_) return "";
    if (typed_.option != nullptr) return values(*typed_.option, "", current_);
    if (current_.starts_with('-') && !typed_.options_over) return option_or_its_value();
    if (line_.noun == nullptr) return shown(nouns(), "", current_);
    if (line_.command == nullptr) return shown(verbs_of(*line_.noun), "", current_);
    if (typed_.positional != nullptr) return values(*typed_.positional, "", current_);
    return "";
  }

 private:
  // "--fo", "--format=js", "-oj"
  std::string option_or_its_value() {
    const std::size_t equals = current_.find('=');
    const bool is_long = current_.starts_with("--");
    const std::size_t name_size = is_long ? equals : 2;
    if (is_long ? equals != std::string::npos : current_.size() > 2) {
      const auto named = arguments_.typed({current_.substr(0, name_size)});
      const std::size_t value_at = is_long ? equals + 1 : 2;
      if (named.option == nullptr) return "";
      return values(*named.option, current_.substr(0, value_at), current_.substr(value_at));
    }
    return shown(options(arguments_, typed_), "", current_);
  }

  // What the parameter may be; `typed` is what there is of it, `before` what stands before that in the word.
  std::string values(const Arguments::Parameter& parameter, std::string before, std::string typed) {
    // "A,B": the last of the list is being typed.
    const std::size_t comma = parameter.value == "A,B" ? typed.rfind(',') : std::string::npos;
    if (comma != std::string::npos) {
      before += typed.substr(0, comma + 1);
      typed.erase(0, comma + 1);
    }
    if (!parameter.choices.empty()) {
      Candidates found;
      for (const auto choice : parameter.choices) found.push_back({std::string(choice)});
      return shown(found, before, typed);
    }
    switch (parameter.names) {
      case Names::file:
        return std::string(files_line);
      case Names::directory:
        return std::string(directories_line);
      case Names::command:
        return shown(commands(typed_), before, typed);
      case Names::context:
        return shown(contexts(), before, typed);
      case Names::nothing:
        return shown(alternatives(parameter.positional ? parameter.name : parameter.value), before, typed);
      default:
        return shown(live(parameter, typed), before, typed);
    }
  }

  static Candidates contexts() {
    Candidates found;
    const auto paths = user_paths();
    if (!paths) return found;
    for (auto& name : context_names(paths->config_dir + "/config.yaml")) found.push_back({std::move(name)});
    return found;
  }

  Candidates live(const Arguments::Parameter& parameter, std::string_view typed) {
    for (const auto& [given, value] : typed_.given) {
      if (given->global && given->maybe != nullptr) *given->maybe = value;
    }
    const auto settings = resolve_settings(flags_, terminal_);
    if (!settings) return {};
    return LiveNames(*settings, terminal_, patience).find(parameter.names, parameter, typed, typed_);
  }

  static std::string shown(const Candidates& candidates, std::string_view before, std::string_view typed) {
    std::string text;
    std::unordered_set<std::string_view> said;  // a model that two providers have
    for (const auto& each : candidates) {
      if (!each.word.starts_with(typed) || each.word.empty() || !said.insert(each.word).second) continue;
      text += fmt::format("{}{}", before, printable(each.word));
      if (!each.doc.empty()) text += fmt::format("\t{}", printable(each.doc));
      text += '\n';
    }
    return text;
  }

  std::string current_;
  Terminal& terminal_;
  Line line_;
  Action action_;  // holds what the parameters point to
  GlobalFlags flags_;
  Arguments arguments_;
  Arguments::Typed typed_;
  bool understood_ = false;
};

}  // namespace

std::string completion_lines(const Words& words, Terminal& terminal) {
  if (words.empty()) return "";
  std::ostringstream unheard;
  Terminal silent{.in = terminal.in, .out = terminal.out, .err = unheard, .env = terminal.env};
  try {
    return Completion({words.begin(), words.end() - 1}, words.back(), silent).lines();
  } catch (const Json::exception&) {
    return "";  // a daemon that does not answer like govd
  }
}

}  // namespace govctl::cli
