#pragma once
// Manual pages in the man(7) macros, which groff and mandoc both read.

#include <string>
#include <string_view>
#include <vector>

namespace govctl::cli::docs {

// Text as roff prints it: nothing of it is a request or an escape; '-' is the one of the keyboard.
std::string escaped(std::string_view text);

class Page {
 public:
  // "govctl-agent-create", 1
  Page(std::string_view name, int section);
  Page& heading(std::string_view title);     // .SH
  Page& subheading(std::string_view title);  // .SS
  Page& paragraph(std::string_view text);
  // A term and what it means. `term` is roff already.
  Page& item(std::string_view term, std::string_view text);
  Page& example(std::string_view lines);
  Page& name(std::string_view name, std::string_view summary);
  // "govctl(1)", "govd(8)"
  Page& see_also(const std::vector<std::string>& pages);
  Page& raw(std::string_view roff);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void begin_paragraph();
  std::string text_;
};

std::string bold(std::string_view text);
std::string italic(std::string_view text);

// The text of a help topic: its examples, paragraphs, and rows of a word and what it means.
void add_topic(Page& page, std::string_view text);

}  // namespace govctl::cli::docs
