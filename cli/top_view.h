#pragma once
// What `govctl top` shows, as lines of text: no terminal here.

#include <string>
#include <vector>

#include "common/api/live.h"

namespace govctl::cli {

struct TopSize {
  std::size_t columns = 80, rows = 24;
};
struct TopStyle {
  bool color = false;
  bool help = false;
  std::string interval;  // "2s"
  std::string trouble;   // why the picture is not fresh, or empty
};

// The picture as at most size.rows lines of at most size.columns columns each.
std::vector<std::string> top_screen(const api::Live& live, TopSize size, const TopStyle& style);
// All of it, for a pipe: as many lines as it takes, as wide as the names are.
std::string top_report(const api::Live& live);

}  // namespace govctl::cli
