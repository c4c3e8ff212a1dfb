#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "common/money.h"
#include "common/nearest.h"

namespace govctl::cli {
namespace {

struct Word {
  std::string_view word;
  Names names;
};
// What help's words for a value mean wherever they stand.
constexpr std::array words_of_names{Word{"ORG", Names::org},
                                    Word{"ORG/WORKSPACE", Names::workspace},
                                    Word{"ORG/WORKSPACE/GROUP", Names::group},
                                    Word{"ORG/WORKSPACE/GROUP/AGENT", Names::agent},
                                    Word{"AGENT", Names::agent},
                                    Word{"PATH", Names::path},
                                    Word{"ID|PATH", Names::path},
                                    Word{"PROVIDER", Names::provider},
                                    Word{"MODEL", Names::model},
                                    Word{"PROVIDER/MODEL", Names::provider_model},
                                    Word{"KIND", Names::provider_kind},
                                    Word{"FILE", Names::file},
                                    Word{"DIR", Names::directory},
                                    Word{"COMMAND|TOPIC", Names::command}};

Names named_by(std::string_view word) {
  const auto found = std::ranges::find(words_of_names, word, &Word::word);
  return found == words_of_names.end() ? Names::nothing : found->names;
}

Result<void> check_choice(const Arguments::Parameter& parameter, const std::string& value) {
  const auto& choices = parameter.choices;
  if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return {};
  const std::string_view close = nearest(value, choices);
  return fail(Code::invalid, fmt::format("{}: '{}' is none of {}{}", spellings(parameter.name).back(),
                                         value.substr(0, 64), fmt::join(choices, ", "),
                                         close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
}

void declare(CLI::App& app, Arguments::Parameter& parameter) {
  if (parameter.trailing) return;
  if (parameter.flag != nullptr) {
    app.add_flag(parameter.name, *parameter.flag);
    return;
  }
  CLI::Option* option = nullptr;
  if (parameter.text != nullptr) option = app.add_option(parameter.name, *parameter.text);
  if (parameter.many != nullptr) {
    option = app.add_option(parameter.name, *parameter.many);
    if (!parameter.positional) option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  if (parameter.maybe != nullptr) {
    option = app.add_option_function<std::string>(
        parameter.name, [out = parameter.maybe](const std::string& value) { *out = value; });
  }
  if (parameter.required) option->required();
}

}  // namespace

std::vector<std::string_view> spellings(std::string_view names) {
  std::vector<std::string_view> found;
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    found.push_back(names.substr(0, comma));
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  }
  return found;
}

Arguments::Parameter& Arguments::add(std::string_view name, std::string_view doc) {
  auto& parameter = parameters_.emplace_back();
  parameter.name = name;
  parameter.doc = doc;
  parameter.global = global_;
  return parameter;
}

void Arguments::positional(std::string_view name, std::string& out, std::string_view doc, Names names) {
  auto& parameter = add(name, doc);
  parameter.names = names == Names::by_word ? named_by(name) : names;
  parameter.positional = parameter.required = true;
  parameter.text = &out;
}

void Arguments::positional(std::string_view name, std::optional<std::string>& out, std::string_view doc,
                           Names names) {
  auto& parameter = add(name, doc);
  parameter.names = names == Names::by_word ? named_by(name) : names;
  parameter.positional = true;
  parameter.maybe = &out;
}

void Arguments::rest(std::string_view name, std::vector<std::string>& out, std::string_view doc, Names names) {
  auto& parameter = add(name, doc);
  parameter.names = names == Names::by_word ? named_by(name) : names;
  parameter.positional = true;
  parameter.many = &out;
}

void Arguments::trailing(std::string_view name, std::vector<std::string>& out, std::string_view doc) {
  auto& parameter = add(name, doc);
  parameter.positional = parameter.required = parameter.trailing = true;
  parameter.many = &out;
}

void Arguments::option(std::string_view names, std::string_view value, std::optional<std::string>& out,
                       std::string_view doc, Choices choices) {
  auto& parameter = add(names, doc);
  parameter.value = value;
  parameter.names = named_by(value);
  parameter.maybe = &out;
  parameter.choices = std::move(choices);
}

void Arguments::option(std::string_view names, std::string_view value, std::optional<std::string>& out,
                       std::string_view doc, Names named) {
  option(names, value, out, doc);
  parameters_.back().names = named;
}

void Arguments::options(std::string_view names, std::string_view value, std::vector<std::string>& out,
                        std::string_view doc) {
  auto& parameter = add(names, doc);
  parameter.value = value;
  parameter.names = named_by(value);
  parameter.many = &out;
}

void Arguments::required(std::string_view names, std::string_view value, std::string& out, std::string_view doc,
                         Choices choices) {
  auto& parameter = add(names, doc);
  parameter.value = value;
  parameter.names = named_by(value);
  parameter.required = true;
  parameter.text = &out;
  parameter.choices = std::move(choices);
}

void Arguments::flag(std::string_view names, bool& out, std::string_view doc) { add(names, doc).flag = &out; }

// Moves what stands behind "--" from `words` to the parameter that takes it.
Result<void> Arguments::split_off_trailing(std::vector<std::string>& words) {
  const auto parameter = std::ranges::find(parameters_, true, &Parameter::trailing);
  if (parameter == parameters_.end()) return {};
  const auto mark = std::ranges::find(words, "--");
  if (mark == words.end() || mark + 1 == words.end()) {
    return fail(Code::invalid, fmt::format("{} is missing: {}", usage_of(*parameter), parameter->doc));
  }
  parameter->many->assign(mark + 1, words.end());
  words.erase(mark, words.end());
  return {};
}

Result<void> Arguments::parse(std::vector<std::string> words) {
  if (auto split = split_off_trailing(words); !split) return split;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::string_view> known;
  for (auto& parameter : parameters_) {
    declare(app, parameter);
    if (!parameter.positional) {
      const auto names = spellings(parameter.name);
      known.insert(known.end(), names.begin(), names.end());
    }
  }
  std::vector<std::string> extras;
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::RequiredError&) {
    // A mistyped option eats no argument: name it first, it is why something seems to be missing.
    for (const auto& word : app.remaining()) {
      if (word.starts_with("-")) extras.push_back(word);
    }
    if (extras.empty()) {
      for (const auto& parameter : parameters_) {
        const std::string name(spellings(parameter.name).back());
        if (parameter.required && !parameter.trailing && app.get_option(name)->count() == 0) {
          return fail(Code::invalid, fmt::format("{} is missing: {}", usage_of(parameter), parameter.doc));
        }
      }
    }
  } catch (const CLI::ParseError& error) {
    return fail(Code::invalid, error.what());
  }
  if (extras.empty()) extras = app.remaining();
  std::erase(extras, "--");  // CLI11 keeps the mark itself
  if (!extras.empty()) {
    const std::string word = extras.front().substr(0, extras.front().find('='));
    if (!word.starts_with("-")) {
      return fail(Code::invalid, fmt::format("'{}' is one argument too many", word.substr(0, 64)));
    }
    const std::string_view close = nearest(word, known);
    return fail(Code::invalid, fmt::format("unknown option '{}'{}", word.substr(0, 64),
                                           close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
  }
  for (const auto& parameter : parameters_) {
    const std::string* value = parameter.text;
    if (parameter.maybe != nullptr && *parameter.maybe) value = &**parameter.maybe;
    if (value == nullptr || parameter.global) continue;  // resolve_settings() has more to say of those
    if (auto ok = check_choice(parameter, *value); !ok) return ok;
  }
  return {};
}

const Arguments::Parameter* Arguments::find(std::string_view spelling) const {
  for (const auto& parameter : parameters_) {
    const auto names = spellings(parameter.name);
    if (!parameter.positional && std::ranges::find(names, spelling) != names.end()) return &parameter;
  }
  return nullptr;
}

Arguments::Typed Arguments::typed(const std::vector<std::string>& words) const {
  Typed typed;
  std::vector<std::string> plain;
  for (const auto& word : words) {
    if (typed.option != nullptr) {
      typed.given.emplace_back(std::exchange(typed.option, nullptr), word);
    } else if (typed.options_over || word.size() < 2 || word[0] != '-' || (word[1] >= '0' && word[1] <= '9')) {
      plain.push_back(word);
    } else if (word == "--") {
      typed.options_over = true;
    } else if (word[1] == '-') {
      const std::size_t equals = word.find('=');
      const Parameter* option = find(std::string_view(word).substr(0, equals));
      if (option == nullptr) continue;
      if (option->flag != nullptr || equals != std::string::npos) {
        typed.given.emplace_back(option, equals == std::string::npos ? "" : word.substr(equals + 1));
      } else {
        typed.option = option;
      }
    } else {
      // "-qy", "-o", "-ojson", "-qojson"
      for (std::size_t at = 1; at < word.size(); ++at) {
        const Parameter* option = find(std::string{'-', word[at]});
        if (option == nullptr) break;
        if (option->flag != nullptr) {
          typed.given.emplace_back(option, "");
        } else if (at + 1 < word.size()) {
          typed.given.emplace_back(option, word.substr(at + 1));
          break;
        } else {
          typed.option = option;
        }
      }
    }
  }
  std::size_t taken = 0;
  for (const auto& parameter : parameters_) {
    if (!parameter.positional) continue;
    typed.positional = &parameter;
    if (parameter.many != nullptr) {
      for (; taken < plain.size(); ++taken) typed.given.emplace_back(&parameter, plain[taken]);
      return typed;
    }
    if (taken == plain.size()) return typed;
    typed.given.emplace_back(&parameter, plain[taken++]);
  }
  typed.positional = nullptr;
  return typed;
}

std::string usage_of(const Arguments::Parameter& parameter) {
  const std::string name(spellings(parameter.name).back());
  if (parameter.trailing) return "-- " + name + " …";
  if (parameter.positional) {
    if (parameter.many != nullptr) return "[" + name + "…]";
    return parameter.required ? name : "[" + name + "]";
  }
  return parameter.value.empty() ? name : name + " " + parameter.value;
}

Result<std::int64_t> whole_number(std::string_view name, std::string_view text) {
  const auto number = Credits::parse(text);
  if (!number) {
    return fail(Code::invalid,
                fmt::format("{}: '{}' is no whole number between -(2^53-1) and 2^53-1, written in "
                            "decimal digits",
                            name, text.substr(0, 40)));
  }
  return number->value();
}

Result<bool> on_off(std::string_view name, std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return fail(Code::invalid, fmt::format("{}: '{}' is neither on nor off", name, text.substr(0, 40)));
}

}  // namespace govctl::cli
