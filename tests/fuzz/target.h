#pragma once
// What every target has: the function that libFuzzer calls, and cuts of its input.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace govctl::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A property that must hold whatever the input is.
inline void require(bool holds) {
  if (!holds) std::abort();
}

// Takes the first byte off the input: which of `count` things is tried.
inline std::size_t choose(std::string_view& input, std::size_t count) {
  if (input.empty()) return 0;
  const std::size_t choice = static_cast<unsigned char>(input.front()) % count;
  input.remove_prefix(1);
  return choice;
}

// The next piece of bytes that come in pieces, 1 to 32 of them: as the bytes themselves say.
inline std::string_view piece_of(std::string_view& bytes) {
  const std::string_view piece = bytes.substr(0, static_cast<unsigned char>(bytes.front()) % 32 + 1);
  bytes.remove_prefix(piece.size());
  return piece;
}

}  // namespace govctl::fuzz
