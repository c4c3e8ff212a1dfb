#pragma once
// What a command takes, declared once: parsing, help, completion and man pages come from it. Every value is
// text here; amounts are read by Credits::parse and the like, because option parsers round and cut numbers.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

// What a value names: completion offers what there is of it. The word that help shows for the value says it
// where that word has one meaning (ORG, PATH, AGENT, PROVIDER, FILE …); an ID or a NAME needs it said. A word
// such as on|off is its own list, and of "A,B" the last is completed.
enum class Names : std::uint8_t {
  by_word,
  nothing,
  org,
  workspace,
  group,
  agent,
  path,      // of any of the four
  new_unit,  // of one that is not there yet: what is above it
  key,       // of the agent that the line names, else all
  credential,
  alias,
  provider,
  provider_kind,
  model,
  provider_model,
  context,
  file,
  directory,
  command,  // govctl's own, or a topic of its help
};

class Arguments {
 public:
  struct Parameter {
    std::string name;   // "ORG", or "--limit", or "-f,--follow"
    std::string value;  // what the option takes: "N"; empty for a flag and for a positional
    std::string doc;
    bool positional = false;
    bool required = false;
    bool global = false;
    Names names = Names::nothing;
    bool trailing = false;                  // all that follows "--", as it is
    std::vector<std::string_view> choices;  // empty: anything
    std::string* text = nullptr;
    std::optional<std::string>* maybe = nullptr;
    std::vector<std::string>* many = nullptr;
    bool* flag = nullptr;
  };
  using Choices = std::vector<std::string_view>;

  // The variables must outlive parse().
  void positional(std::string_view name, std::string& out, std::string_view doc, Names names = Names::by_word);
  void positional(std::string_view name, std::optional<std::string>& out, std::string_view doc,
                  Names names = Names::by_word);
  void rest(std::string_view name, std::vector<std::string>& out, std::string_view doc,
            Names names = Names::by_word);
  // All words behind "--", untouched: another program's command line. At least one.
  void trailing(std::string_view name, std::vector<std::string>& out, std::string_view doc);
  void option(std::string_view names, std::string_view value, std::optional<std::string>& out,
              std::string_view doc, Choices choices = {});
  void option(std::string_view names, std::string_view value, std::optional<std::string>& out,
              std::string_view doc, Names named);
  // An option that repeats.
  void options(std::string_view names, std::string_view value, std::vector<std::string>& out,
               std::string_view doc);
  void required(std::string_view names, std::string_view value, std::string& out, std::string_view doc,
                Choices choices = {});
  void flag(std::string_view names, bool& out, std::string_view doc);
  // The options that follow belong to every command: help lists them once.
  void globals_from_here() { global_ = true; }

  // A line that is being typed.
  struct Typed {
    std::vector<std::pair<const Parameter*, std::string>> given;
    const Parameter* option = nullptr;      // whose value the next word is
    const Parameter* positional = nullptr;  // what the next word is, unless it begins with '-'
    bool options_over = false;              // "--" has been typed
  };

  [[nodiscard]] const std::deque<Parameter>& parameters() const { return parameters_; }
  // What `words` give, and what comes next; what does not fit is passed over.
  [[nodiscard]] Typed typed(const std::vector<std::string>& words) const;
  // Code::invalid on anything that does not fit, with the nearest option's name.
  Result<void> parse(std::vector<std::string> words);

 private:
  Result<void> split_off_trailing(std::vector<std::string>& words);
  Parameter& add(std::string_view name, std::string_view doc);
  [[nodiscard]] const Parameter* find(std::string_view spelling) const;
  std::deque<Parameter> parameters_;
  bool global_ = false;
};

// Every spelling of an option: "-f,--follow" -> "-f", "--follow".
std::vector<std::string_view> spellings(std::string_view names);
// "ORG", "--limit N": how a parameter is written in a usage line.
std::string usage_of(const Arguments::Parameter& parameter);
// A whole number for `name`, with decimal digits only: "abc", "1.5", "0100" and 2^63 are refused.
Result<std::int64_t> whole_number(std::string_view name, std::string_view text);
// "on" or "off".
Result<bool> on_off(std::string_view name, std::string_view text);

}  // namespace govctl::cli
