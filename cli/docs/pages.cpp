#include "cli/docs/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <sstream>
#include <utility>

#include "cli/completion.h"
#include "cli/config.h"
#include "cli/docs/roff.h"
#include "cli/help.h"
#include "cli/settings.h"
#include "cli/tree.h"

namespace govctl::cli::docs {
namespace {

std::string page_name(const Noun& noun, const Command* command) {
  std::string name = fmt::format("govctl-{}", noun.name);
  if (command != nullptr && !command->verb.empty()) name += fmt::format("-{}", command->verb);
  return name;
}

File file_of(const Page& page, std::string_view name, int section) {
  return {fmt::format("man/{}.{}", name, section), page.text()};
}

// "\fB\-f\fR, \fB\-\-follow\fR", "\fB\-\-limit\fR \fIN\fR"
std::string option_term(std::string_view names, std::string_view value) {
  std::string term;
  for (const auto name : spellings(names)) term += (term.empty() ? "" : ", ") + bold(name);
  return value.empty() ? term : term + " " + italic(value);
}

std::string doc_of(const Arguments::Parameter& parameter) {
  if (parameter.choices.empty()) return parameter.doc;
  return fmt::format("{}: {}", parameter.doc, fmt::join(parameter.choices, ", "));
}

// "\fBgovctl key create\fR \fIAGENT\fR \fB\-\-name\fR \fINAME\fR [\fIOPTIONS\fR]"
std::string synopsis(const Noun& noun, const Command& command, const Arguments& arguments) {
  std::string line =
      bold(fmt::format("govctl {}{}{}", noun.name, command.verb.empty() ? "" : " ", command.verb));
  bool more = false;
  for (const auto& parameter : arguments.parameters()) {
    if (parameter.positional) {
      const std::string name = italic(parameter.name);
      line += " " + (parameter.many != nullptr ? "[" + name + " \\&...]"
                     : parameter.required      ? name
                                               : "[" + name + "]");
    } else if (parameter.required) {
      line += " " + option_term(spellings(parameter.name).back(), parameter.value);
    } else {
      more = true;
    }
  }
  return line + (more ? " [" + italic("OPTIONS") + "]" : "") + "\n";
}

File command_page(const Noun& noun, const Command& command) {
  Arguments arguments;
  const Action unused = command.build(arguments);
  const std::string name = page_name(noun, &command);
  Page page(name, 1);
  page.name(name, command.summary);
  page.heading("SYNOPSIS").raw(synopsis(noun, command, arguments));
  page.heading("DESCRIPTION").paragraph(fmt::format("{}.", command.summary));
  const auto& parameters = arguments.parameters();
  const auto list = [&](std::string_view title, bool positional) {
    if (std::ranges::find(parameters, positional, &Arguments::Parameter::positional) == parameters.end())
      return;
    page.heading(title);
    for (const auto& parameter : parameters) {
      if (parameter.positional != positional) continue;
      page.item(positional ? italic(parameter.name) : option_term(parameter.name, parameter.value),
                doc_of(parameter));
    }
  };
  list("ARGUMENTS", true);
  list("OPTIONS", false);
  page.paragraph("The options of every command are described in govctl(1).");
  page.heading("EXIT STATUS").paragraph("0 when it worked; govctl-exit-codes(7) has the others.");
  page.heading("EXAMPLES").example(command.examples);
  std::vector<std::string> others{"govctl(1)"};
  if (!command.verb.empty()) others.push_back(page_name(noun, nullptr) + "(1)");
  others.emplace_back("govctl-exit-codes(7)");
  page.see_also(others);
  return file_of(page, name, 1);
}

File noun_page(const Noun& noun) {
  const std::string name = page_name(noun, nullptr);
  Page page(name, 1);
  page.name(name, noun.summary);
  page.heading("SYNOPSIS")
      .raw(bold(fmt::format("govctl {}", noun.name)) + " " + italic("COMMAND") + " \\&...\n");
  page.heading("DESCRIPTION").paragraph(fmt::format("{}.", noun.summary));
  page.heading("COMMANDS");
  for (const auto& command : noun.commands) {
    page.item(bold(fmt::format("{}", page_name(noun, &command))) + "(1)", fmt::format("{}.", command.summary));
  }
  std::string examples;
  for (const auto& command : noun.commands) {
    examples += fmt::format("{}\n", command.examples.substr(0, command.examples.find('\n')));
  }
  page.heading("EXAMPLES").example(examples);
  page.see_also({"govctl(1)", "govctl-exit-codes(7)"});
  return file_of(page, name, 1);
}

void add_global_options(Page& page) {
  for (const auto& option : global_options()) page.item(option_term(option.names, option.value), option.doc);
  page.item(option_term("-h,--help", ""), "Show help on the command, beginning with examples");
}

// The topics that have no page of their own, as sections.
void add_topics(Page& page) {
  for (const auto topic : topic_names()) {
    if (topic == "exit-codes" || topic == "config") continue;
    std::string title(topic);
    std::ranges::transform(title, title.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
    add_topic(page.heading(title), *help_topic(topic));
  }
}

File top_page() {
  Page page("govctl", 1);
  page.name("govctl", "run AI agents under rules and money that you can prove");
  page.heading("SYNOPSIS")
      .raw(bold("govctl") + " [" + italic("OPTIONS") + "] " + italic("COMMAND") + " \\&...\n");
  page.heading("DESCRIPTION")
      .paragraph(
          "govctl is the terminal of govd(8), the daemon through which AI agents call models: it sets up who "
          "may "
          "call, what the rules and budgets are, and shows and proves what was called and what it cost.");
  page.heading("COMMANDS");
  std::string_view chapter;
  for (const auto& noun : tree()) {
    if (noun.chapter != chapter) page.subheading(chapter = noun.chapter);
    page.item(bold(page_name(noun, nullptr)) + "(1)", fmt::format("{}.", noun.summary));
  }
  page.heading("OPTIONS").paragraph("Every command takes these.");
  add_global_options(page);
  add_topics(page);
  page.see_also({"govctl-config(5)", "govctl-org(5)", "govctl-exit-codes(7)", "govd(8)"});
  return file_of(page, "govctl", 1);
}

File config_page() {
  Page page("govctl-config", 5);
  page.name("govctl-config", "contexts of govctl: several daemons, orgs and tokens");
  page.heading("SYNOPSIS").raw(italic("$XDG_CONFIG_HOME/govctl/config.yaml") + "\n");
  page.heading("DESCRIPTION")
      .paragraph(
          "The file is optional. Each context names a daemon and how to speak to it; one of them is current. "
          "An option of the command line goes before an environment variable, a variable before the context, "
          "the context before the default. An unknown setting is an error, not a hint.");
  page.heading("SETTINGS");
  page.item(bold("current-context"), "The context that holds where --context and GOVCTL_CONTEXT name none.");
  page.item(bold("contexts"), "A map from a context's name to its settings:");
  page.raw(".RS\n");
  for (const auto& setting : context_settings()) page.item(bold(setting.name), fmt::format("{}.", setting.doc));
  page.raw(".RE\n");
  add_topic(page.heading("ENVIRONMENT"), *help_topic("environment"));
  add_topic(page.heading("EXAMPLES"), *help_topic("config"));
  page.see_also({"govctl(1)", "govd(8)"});
  return file_of(page, "govctl-config", 5);
}

File exit_codes_page() {
  Page page("govctl-exit-codes", 7);
  page.name("govctl-exit-codes", "what the exit codes of govctl and govd mean");
  add_topic(page.heading("DESCRIPTION"), *help_topic("exit-codes"));
  page.see_also({"govctl(1)", "govd(8)"});
  return file_of(page, "govctl-exit-codes", 7);
}

struct DaemonOption {
  std::string names, value, doc;
};

// "--drain-timeout INT:INT in [0 - 3600]=30" and what it is for.
DaemonOption daemon_option(const std::string& head, std::string doc) {
  static const std::regex shape(
      R"((\S+)(?: ([A-Z]+)(?::(?:\{([^}]*)\}|\w+ in \[([^\]]*)\]))?(?:=(\S+))?(?: \.\.\.)?)?)");
  std::smatch parts;
  if (!std::regex_match(head, parts, shape)) return {head, "", std::move(doc)};
  std::string choices = std::regex_replace(parts[3].str(), std::regex(","), ", ");
  if (!choices.empty()) doc += ": " + choices;
  std::string bounds = std::regex_replace(parts[4].str(), std::regex(" - "), " to ");
  if (parts[5].matched) bounds += fmt::format("{}default: {}", bounds.empty() ? "" : "; ", parts[5].str());
  if (!bounds.empty()) doc += fmt::format(" ({})", bounds);
  std::string value = parts[2];
  if (value == "TEXT") value = parts[1].str().ends_with("-dir") ? "DIR" : "VALUE";
  if (value == "INT" || value == "UINT") value = "N";
  return {parts[1], value, std::move(doc)};
}

// The lines of `govd --help` that begin with an option, each with those below that go on.
void add_options(Page& page, const std::string& help) {
  std::string head;
  std::string doc;
  const auto flush = [&] {
    if (head.empty()) return;
    const DaemonOption option = daemon_option(head, std::exchange(doc, ""));
    page.item(option_term(option.names, option.value), option.doc);
    head.clear();
  };
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == 2 && line[2] == '-') {
      flush();
      const std::size_t gap = line.find("  ", begin);
      head = line.substr(begin, gap == std::string::npos ? gap : gap - begin);
      if (gap != std::string::npos) doc = line.substr(line.find_first_not_of(' ', gap));
    } else if (begin == std::string::npos || begin == 0) {
      flush();
    } else if (!head.empty()) {
      doc += (doc.empty() ? "" : " ") + line.substr(begin);
    }
  }
  flush();
}

}  // namespace

std::vector<File> manual() {
  std::vector<File> files{top_page(), config_page(), exit_codes_page()};
  for (const auto& noun : tree()) {
    if (!stands_alone(noun)) files.push_back(noun_page(noun));
    for (const auto& command : noun.commands) files.push_back(command_page(noun, command));
  }
  return files;
}

File daemon_page(std::string_view frame, const std::string& help) {
  constexpr std::string_view mark = "@OPTIONS@\n";
  const std::size_t at = frame.find(mark);
  Page page("govd", 8);
  page.raw(frame.substr(0, at));
  add_options(page, help);
  if (at != std::string_view::npos) page.raw(frame.substr(at + mark.size()));
  return file_of(page, "govd", 8);
}

std::vector<File> completions() {
  return {{"completions/govctl.bash", std::string(completion_script("bash"))},
          {"completions/_govctl", std::string(completion_script("zsh"))},
          {"completions/govctl.fish", std::string(completion_script("fish"))}};
}

}  // namespace govctl::cli::docs
