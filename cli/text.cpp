#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cwchar>

namespace govctl::cli {
namespace {

constexpr char32_t broken = 0xfffd;

// The code point at `at`, which moves behind it; `broken` for a byte that begins none.
char32_t next_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  std::size_t length = 1;
  char32_t point = lead;
  if (lead >= 0xf0 && lead < 0xf5) {
    length = 4;
    point = lead & 7U;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    length = 3;
    point = lead & 15U;
  } else if (lead >= 0xc2 && lead < 0xe0) {
    length = 2;
    point = lead & 31U;
  } else if (lead >= 0x80) {
    ++at;
    return broken;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || (byte(at + i) & 0xc0U) != 0x80) {
      ++at;
      return broken;
    }
    point = point << 6U | (byte(at + i) & 0x3fU);
  }
  at += length;
  return point;
}

// glibc's table of widths, whatever the user's locale is.
int point_width(char32_t point) {
  if (point < 0x7f) return 1;
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) return 1;
  const locale_t before = uselocale(utf8);
  const int width = wcwidth(static_cast<wchar_t>(point));
  uselocale(before);
  return std::max(width, 0);
}

bool turns_direction(char32_t point) {
  return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) || point == 0x200e ||
         point == 0x200f || point == 0x061c;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();)
    width += static_cast<std::size_t>(point_width(next_point(text, at)));
  return width;
}

std::string printable(std::string_view text, bool keep_newlines) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t point = next_point(text, at);
    if (point == '\n' || point == '\t') {
      if (keep_newlines) {
        out += static_cast<char>(point);
      } else {
        out += point == '\n' ? "\\n" : "\\t";
      }
    } else if (point < 0x20 || (point >= 0x7f && point < 0xa0) || turns_direction(point)) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
    } else if (point == broken) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

std::string fitted(std::string_view text, std::size_t width, bool keep_end) {
  std::string shown = printable(text);
  std::size_t wide = display_width(shown);
  if (wide > width && width == 0) return "";
  if (wide > width) {
    std::vector<std::string_view> points;
    for (std::size_t at = 0; at < shown.size();) {
      const std::size_t start = at;
      next_point(shown, at);
      points.push_back(std::string_view(shown).substr(start, at - start));
    }
    std::string kept;
    wide = 1;  // the ellipsis
    const auto fits = [&](std::string_view point) {
      const std::size_t columns = display_width(point);
      if (wide + columns > width) return false;
      wide += columns;
      return true;
    };
    if (keep_end) {
      for (auto point = points.rbegin(); point != points.rend() && fits(*point); ++point)
        kept.insert(0, *point);
      shown = "…" + kept;
    } else {
      for (auto point = points.begin(); point != points.end() && fits(*point); ++point) kept += *point;
      shown = kept + "…";
    }
  }
  return shown + std::string(width - wide, ' ');
}

std::string aligned(const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i].text));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string gap;  // spaces owed, paid only when more text follows
    for (std::size_t i = 0; i < row.size(); ++i) {
      const Cell& cell = row[i];
      const std::string pad(widths[i] - display_width(cell.text), ' ');
      out += gap;
      if (cell.right) out += pad;
      out += cell.color;
      out += cell.text;
      if (!cell.color.empty()) out += plain;
      gap = (cell.right ? "" : pad) + "  ";
    }
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace govctl::cli
