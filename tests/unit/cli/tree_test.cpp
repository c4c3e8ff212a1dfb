#include "cli/tree.h"

#include <catch2/catch.hpp>
#include <set>

#include "cli/settings.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli;
using govctl::cli::test::typed;

namespace {
template <class Visit>
void each_command(Visit&& visit) {
  for (const auto& noun : tree()) {
    for (const auto& command : noun.commands) visit(noun, command);
  }
}
std::vector<std::string> words_of(const Noun& noun, const Command& command) {
  std::vector<std::string> words{std::string(noun.name)};
  if (!command.verb.empty()) words.emplace_back(command.verb);
  return words;
}
// An example line as a shell would split it, up to a redirection.
std::vector<std::string> shell_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == ' ') {
      if (open || !word.empty()) words.push_back(std::exchange(word, ""));
      open = false;
    } else if (c == '<' || c == '>') {
      return words;
    } else {
      word += c;
    }
  }
  if (open || !word.empty()) words.push_back(word);
  return words;
}
}  // namespace

TEST_CASE("every command has a summary and examples that begin with it") {
  each_command([](const Noun& noun, const Command& command) {
    INFO(noun.name << " " << command.verb);
    CHECK_FALSE(command.summary.empty());
    std::string begin = "govctl " + std::string(noun.name);
    if (!command.verb.empty()) begin += " " + std::string(command.verb);
    std::string_view rest = command.examples;
    REQUIRE_FALSE(rest.empty());
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      CHECK(rest.substr(0, end).starts_with(begin));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
  });
}

TEST_CASE("no two commands have one name, and a noun has a summary") {
  std::set<std::string> names;
  for (const auto& noun : tree()) {
    CHECK_FALSE(noun.summary.empty());
    CHECK_FALSE(noun.chapter.empty());
    CHECK_FALSE(noun.commands.empty());
  }
  each_command([&](const Noun& noun, const Command& command) {
    CHECK(names.insert(std::string(noun.name) + " " + std::string(command.verb)).second);
  });
}

TEST_CASE("no option of a command hides one that all commands have, and every parameter is documented") {
  each_command([](const Noun& noun, const Command& command) {
    INFO(noun.name << " " << command.verb);
    Arguments arguments;
    GlobalFlags flags;
    const Action action = command.build(arguments);
    declare_globals(arguments, flags);
    std::set<std::string> names;
    for (const auto& parameter : arguments.parameters()) {
      CHECK_FALSE(parameter.doc.empty());
      std::string_view rest = parameter.name;
      while (!rest.empty()) {
        const auto comma = rest.find(',');
        CHECK(names.insert(std::string(rest.substr(0, comma))).second);
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      }
    }
  });
}

TEST_CASE("every example is a command line that parses") {
  each_command([](const Noun& noun, const Command& command) {
    std::string_view rest = command.examples;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      const auto line = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      INFO(line);
      auto words = shell_words(line);
      REQUIRE(words.size() > 1);
      words.erase(words.begin(), words.begin() + (command.verb.empty() ? 2 : 3));
      Arguments arguments;
      GlobalFlags flags;
      const Action action = command.build(arguments);
      declare_globals(arguments, flags);
      const auto parsed = arguments.parse(words);
      INFO((parsed ? "" : parsed.error().message));
      CHECK(parsed.has_value());
    }
    return noun.name;
  });
}

TEST_CASE("help begins with examples on every level and exits 0") {
  std::vector<std::vector<std::string>> pages{{}, {"-h"}, {"--help"}};
  for (const auto& noun : tree()) pages.push_back({std::string(noun.name), "-h"});
  each_command([&](const Noun& noun, const Command& command) {
    auto words = words_of(noun, command);
    words.emplace_back("--help");
    pages.push_back(words);
  });
  for (const auto* topic : {"exit-codes", "environment", "output", "paths", "config"})
    pages.push_back({"help", topic});
  for (const auto& page : pages) {
    const auto ran = typed(page);
    INFO(ran.err);
    CHECK(ran.exit_code == 0);
    CHECK(ran.out.starts_with("Examples:\n  "));
    CHECK(ran.err.empty());
  }
}

TEST_CASE("help COMMAND is the page of COMMAND -h") {
  CHECK(typed({"help", "key", "create"}).out == typed({"key", "create", "-h"}).out);
  CHECK(typed({"help", "key"}).out == typed({"key", "-h"}).out);
  CHECK(typed({"help"}).out == typed({}).out);
  CHECK(typed({"help", "exit-codes"}).out.find("69  the daemon cannot be reached") != std::string::npos);
}
