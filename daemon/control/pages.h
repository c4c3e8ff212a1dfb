#pragma once
// Lists in pages. A cursor is opaque to its reader: base64url of where the page before ended.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/control/context.h"

namespace govctl::control {

std::string base64url(std::span<const std::uint8_t> bytes);
// Nothing when the text is no base64url.
std::optional<std::string> base64url_decode(std::string_view text);

// Where the caller's page begins: empty, or the key of the last item that it has. invalid: a cursor not made
// here.
Result<std::string> cursor_key(const Request& request);
std::string make_cursor(std::string_view key);

// The page of rows that are kept with a seq: the store's own limit and cursor.
Result<store::Page> seq_page(const Request& request);
template <class Row>
std::optional<std::string> seq_cursor(const store::Rows<Row>& rows) {
  if (rows.next_seq == 0) return std::nullopt;
  return make_cursor(std::to_string(rows.next_seq));
}

// One page of a list in memory. `key` gives each item's place: a text that no two items share.
template <class T, class Key>
Result<api::List<T>> page_of(const Request& request, std::vector<T> items, Key key) {
  auto limit = limit_of(request);
  if (!limit) return std::unexpected(limit.error());
  auto after = cursor_key(request);
  if (!after) return std::unexpected(after.error());
  std::ranges::sort(items, {}, key);
  api::List<T> page;
  page.total = static_cast<std::int64_t>(items.size());
  auto from = after->empty() ? items.begin() : std::ranges::upper_bound(items, *after, {}, key);
  for (; from != items.end(); ++from) {
    if (static_cast<std::int64_t>(page.items.size()) == *limit) {
      page.next = make_cursor(key(page.items.back()));
      break;
    }
    page.items.push_back(std::move(*from));
  }
  return page;
}

}  // namespace govctl::control
