#pragma once
// What the commands of this folder are told: --runs N --seed S and the like.

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace govctl::test {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The value behind `flag`, or `otherwise`.
inline std::string_view argument(int argc, char** argv, std::string_view flag, std::string_view otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == flag) return argv[i + 1];
  }
  return otherwise;
}

inline std::uint64_t argument(int argc, char** argv, std::string_view flag, std::uint64_t otherwise) {
  const std::string_view text = argument(argc, argv, flag, std::string_view{});
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw Failure(fmt::format("{} {}: not a number", flag, text));
  }
  return value;
}

}  // namespace govctl::test
