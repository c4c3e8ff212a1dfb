#pragma once
// Text on a terminal: how wide it is, and what must not reach it raw.

#include <string>
#include <string_view>
#include <vector>

namespace govctl::cli {

// Columns that UTF-8 text takes; a broken byte takes one.
std::size_t display_width(std::string_view text);
// Control characters, C1 controls, and characters that turn the direction of writing become \n, \u001b…; broken
// UTF-8 becomes U+FFFD. With `keep_newlines`, '\n' and '\t' stay.
std::string printable(std::string_view text, bool keep_newlines = false);

// Exactly `width` columns of the printable text: filled with spaces, or cut where it is longer, with '…' in
// place of what is cut, at its end or (`keep_end`) at its beginning.
std::string fitted(std::string_view text, std::size_t width, bool keep_end = false);

struct Cell {
  std::string text;
  std::string_view color;  // an SGR sequence, or empty
  bool right = false;
};
// Rows of cells as aligned columns, two spaces apart, no trailing spaces.
std::string aligned(const std::vector<std::vector<Cell>>& rows);

constexpr std::string_view bold = "\x1b[1m", red = "\x1b[31m", green = "\x1b[32m", yellow = "\x1b[33m",
                           plain = "\x1b[0m";

}  // namespace govctl::cli
