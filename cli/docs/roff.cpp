#include "cli/docs/roff.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/version.h"

namespace govctl::cli::docs {
namespace {

// The day of this version: a page that is generated again on another day is the same page.
constexpr std::string_view version_day = "2026-11-21";

// "é" -> "\[u00E9]"
std::string code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length && at + i < text.size(); ++i) point = point << 6U | (byte(at + i) & 0x3fU);
  at += length;
  return fmt::format("\\[u{:04X}]", static_cast<std::uint32_t>(point));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// "  word   what it means" -> both; a line of one column -> an empty second.
std::pair<std::string_view, std::string_view> columns(std::string_view line) {
  line = trimmed(line);
  const std::size_t gap = line.find("  ");
  if (gap == std::string_view::npos) return {line, {}};
  return {line.substr(0, gap), trimmed(line.substr(gap))};
}

// A word and what it means, perhaps with a remark; more columns are an example.
bool is_row(std::string_view line) {
  std::size_t count = 0;
  for (; !line.empty(); line = columns(line).second) ++count;
  return count == 2 || count == 3;
}

std::string third_in_brackets(std::string_view text) {
  const auto [meaning, more] = columns(text);
  return more.empty() ? std::string(meaning) : fmt::format("{} ({})", meaning, more);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) {
      out += code_point(text, at);
      continue;
    }
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += c;
    }
    ++at;
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", escaped(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", escaped(text)); }

Page::Page(std::string_view name, int section) {
  std::string title(name);
  std::ranges::transform(title, title.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  text_ = fmt::format(
      ".\\\" Generated; see cli/docs. Mend with: ninja -C build/dev generated\n"
      ".TH {} {} {} \"govctl {}\" \"Govctl Manual\"\n",
      escaped(title), section, version_day, version);
}

Page& Page::heading(std::string_view title) { return raw(fmt::format(".SH {}\n", title)); }
Page& Page::subheading(std::string_view title) { return raw(fmt::format(".SS {}\n", title)); }

Page& Page::paragraph(std::string_view text) {
  begin_paragraph();
  return raw(escaped(text) + "\n");
}

// After a heading it has begun already.
void Page::begin_paragraph() {
  const std::size_t last = text_.rfind('\n', text_.size() - 2) + 1;
  if (text_.compare(last, 2, ".S") != 0) raw(".PP\n");
}

Page& Page::item(std::string_view term, std::string_view text) {
  return raw(fmt::format(".TP\n{}\n{}\n", term, escaped(text)));
}

Page& Page::example(std::string_view lines) {
  begin_paragraph();
  raw(".nf\n.RS 4\n");
  for (const auto line : lines_of(lines)) raw(escaped(line) + "\n");
  return raw(".RE\n.fi\n");
}

Page& Page::name(std::string_view name, std::string_view summary) {
  return heading("NAME").raw(fmt::format("{} \\- {}\n", escaped(name), escaped(summary)));
}

Page& Page::see_also(const std::vector<std::string>& pages) {
  heading("SEE ALSO");
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::size_t bracket = pages[i].find('(');
    raw(fmt::format(".BR {} {}{}\n", escaped(pages[i].substr(0, bracket)), pages[i].substr(bracket),
                    i + 1 < pages.size() ? "," : ""));
  }
  return *this;
}

Page& Page::raw(std::string_view roff) {
  text_ += roff;
  return *this;
}

void add_topic(Page& page, std::string_view text) {
  const auto lines = lines_of(text);
  std::string examples;
  for (std::size_t at = 0; at < lines.size();) {
    const bool indented = lines[at].starts_with(' ');
    const bool row = is_row(lines[at]);
    std::size_t end = at;
    std::string block;
    bool rows = true;
    // Rows, or indented lines, or a paragraph: as long as the lines are alike.
    for (; end < lines.size() && !lines[end].empty(); ++end) {
      const bool another = is_row(lines[end]);
      if (indented ? !lines[end].starts_with(' ') : row != another || lines[end].starts_with(' ')) break;
      rows = rows && another;
      block += fmt::format("{}{}", block.empty() ? "" : "\n", indented ? lines[end].substr(2) : lines[end]);
    }
    if (block == "Examples:") {
      while (end < lines.size() && lines[end].starts_with(' ')) {
        examples += fmt::format("{}{}", examples.empty() ? "" : "\n", lines[end++].substr(2));
      }
    } else if (rows && !block.empty()) {
      for (; at < end; ++at) {
        const auto [word, meaning] = columns(lines[at]);
        page.item(bold(word), third_in_brackets(meaning));
      }
    } else if (indented) {
      page.example(block);
    } else if (!block.empty()) {
      std::ranges::replace(block, '\n', ' ');
      page.paragraph(block);
    }
    at = std::max(end, at + 1);
    if (end == lines.size()) break;
    at = lines[end].empty() ? end + 1 : end;
  }
  if (!examples.empty()) page.example(examples);
}

}  // namespace govctl::cli::docs
