#pragma once
// What a command takes, declared once: parsing, help, and later completion and man pages come from it. Every
// value is text here; amounts are read by Credits::parse and the like, because option parsers round and cut
// numbers.

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace govctl::cli {

class Arguments {
 public:
  struct Parameter {
    std::string name;   // "ORG", or "--limit", or "-f,--follow"
    std::string value;  // what the option takes: "N"; empty for a flag and for a positional
    std::string doc;
    bool positional = false;
    bool required = false;
    bool global = false;
    bool trailing = false;                  // all that follows "--", as it is
    std::vector<std::string_view> choices;  // empty: anything
    std::string* text = nullptr;
    std::optional<std::string>* maybe = nullptr;
    std::vector<std::string>* many = nullptr;
    bool* flag = nullptr;
  };
  using Choices = std::vector<std::string_view>;

  // The variables must outlive parse().
  void positional(std::string_view name, std::string& out, std::string_view doc);
  void positional(std::string_view name, std::optional<std::string>& out, std::string_view doc);
  void rest(std::string_view name, std::vector<std::string>& out, std::string_view doc);
  // All words behind "--", untouched: another program's command line. At least one.
  void trailing(std::string_view name, std::vector<std::string>& out, std::string_view doc);
  void option(std::string_view names, std::string_view value, std::optional<std::string>& out,
              std::string_view doc, Choices choices = {});
  // An option that repeats.
  void options(std::string_view names, std::string_view value, std::vector<std::string>& out,
               std::string_view doc);
  void required(std::string_view names, std::string_view value, std::string& out, std::string_view doc,
                Choices choices = {});
  void flag(std::string_view names, bool& out, std::string_view doc);
  // The options that follow belong to every command: help lists them once.
  void globals_from_here() { global_ = true; }

  [[nodiscard]] const std::deque<Parameter>& parameters() const { return parameters_; }
  // Code::invalid on anything that does not fit, with the nearest option's name.
  Result<void> parse(std::vector<std::string> words);

 private:
  Result<void> split_off_trailing(std::vector<std::string>& words);
  Parameter& add(std::string_view name, std::string_view doc);
  std::deque<Parameter> parameters_;
  bool global_ = false;
};

// "ORG", "--limit N": how a parameter is written in a usage line.
std::string usage_of(const Arguments::Parameter& parameter);
// A whole number for `name`, with decimal digits only: "abc", "1.5", "0100" and 2^63 are refused.
Result<std::int64_t> whole_number(std::string_view name, std::string_view text);
// "on" or "off".
Result<bool> on_off(std::string_view name, std::string_view text);

}  // namespace govctl::cli
