#include "cli/paging.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "cli/session.h"
#include "cli/values.h"
#include "common/nearest.h"

namespace govctl::cli {
namespace {

constexpr std::size_t usual_limit = 100;

// One --filter: FIELD, how, VALUE.
struct Test {
  std::string field;
  std::string_view how;
  std::string value;
};
// The longer spelling of two that begin alike comes first.
constexpr std::array<std::string_view, 7> hows{"!=", ">=", "<=", "=", "~", ">", "<"};

Result<Test> parse_test(const std::string& text) {
  std::size_t at = std::string::npos;
  std::string_view how;
  for (const auto each : hows) {
    if (const std::size_t found = text.find(each); found < at) {
      at = found;
      how = each;
    }
  }
  if (at == std::string::npos || at == 0) {
    return fail(Code::invalid,
                fmt::format("--filter: '{}' is no test; write status=ACTIVE, model~gpt-*, credits_charged>100",
                            text.substr(0, 100)));
  }
  return Test{text.substr(0, at), how, text.substr(at + how.size())};
}

bool fits(const Json& value, const Test& test) {
  const Json wanted(value.is_boolean() && (test.value == "yes" || test.value == "no")
                        ? std::string(test.value == "yes" ? "true" : "false")
                        : test.value);
  if (test.how == "~") return fnmatch(test.value.c_str(), flat(value).c_str(), 0) == 0;
  if (test.how == "=" || test.how == "!=") {
    // A list has the value when one of its items is it; "FIELD=" is what is empty or not there.
    const bool same =
        value.is_array() && !test.value.empty()
            ? std::ranges::any_of(value, [&](const Json& item) { return flat(item) == test.value; })
        : value.is_null() ? test.value.empty()
                          : compare_values(value, wanted) == 0;
    return same == (test.how == "=");
  }
  if (value.is_null()) return false;
  const auto order = compare_values(value, wanted);
  if (test.how == ">") return order > 0;
  if (test.how == "<") return order < 0;
  return test.how == ">=" ? order >= 0 : order <= 0;
}

// A field that no item has is a mistake, not an empty list.
Result<void> check_field(std::string_view option, const std::string& field, const Json& items) {
  if (items.empty()) return {};
  const std::string head = field.substr(0, field.find('.'));
  std::vector<std::string_view> names;
  for (const auto& item : items) {
    for (const auto& [name, value] : item.items()) {
      if (name == head) return {};
      if (&item == &items.front()) names.push_back(name);
    }
  }
  const std::string_view close = nearest(head, names);
  return fail(
      Code::invalid,
      fmt::format("{}: no item has a field '{}'{}; there are {}", option, field.substr(0, 64),
                  close.empty() ? "" : fmt::format(", did you mean '{}'", close), fmt::join(names, ", ")));
}

// RFC 3339 in UTC, as the items have it; --since 24h is that long ago.
std::string instant(const std::string& text, Timestamp now) {
  if (const auto span = parse_duration(text)) return rfc3339(Timestamp{now.micros - *span});
  const auto at = parse_rfc3339(text);
  return at ? rfc3339(*at) : text;
}

Result<std::string> time_field(const Json& items) {
  for (const auto* name : {"created_at", "updated_at"}) {
    if (items.empty() || items.front().contains(name)) return std::string(name);
  }
  return fail(Code::invalid, "--since and --until: what this lists has no time");
}

// Items that are alike keep their order; those without the field come last, whichever way.
std::vector<Json> sorted(std::vector<Json> items, const std::string& by, bool backwards) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const Json& x = field_of(items[a], by);
    const Json& y = field_of(items[b], by);
    const auto compared = compare_values(x, y);
    if (compared == 0) return a < b;
    if (x.is_null() || y.is_null()) return y.is_null();
    return backwards ? compared > 0 : compared < 0;
  });
  std::vector<Json> made;
  made.reserve(items.size());
  for (const std::size_t at : order) made.push_back(std::move(items[at]));
  return made;
}

}  // namespace

void Paging::declare(Arguments& arguments, Times who) {
  times = who;
  arguments.option("--limit", "N", limit, "Show N at most (default 100)");
  arguments.flag("--all", all, "Show all of them");
  arguments.options("--filter", "TEST", filters,
                    "Only items with FIELD=VALUE, !=, ~ (a pattern), >, <, >=, <=; repeats, all must hold");
  arguments.option("--sort", "FIELD", sort, "By this JSON field; -FIELD for the largest first");
  if (times != Times::none) {
    arguments.option("--since", "TIME", since, "From then on: 24h, 7d, 2026-11-21T09:30:00Z");
    arguments.option("--until", "TIME", until, "Before then");
  }
  arguments.flag("--watch", watch,
                 "Look again every two seconds until interrupted; in a pipe print what is new");
}

bool Paging::shapes() const { return !filters.empty() || sort || (times == Times::here && (since || until)); }

Result<void> Paging::check() const {
  if (all && limit) return fail(Code::invalid, "--limit and --all exclude each other");
  if (limit) {
    const auto number = whole_number("--limit", *limit);
    if (!number) return std::unexpected(number.error());
    if (*number < 1) return fail(Code::invalid, "--limit: at least 1");
  }
  for (const auto& filter : filters) {
    if (auto test = parse_test(filter); !test) return std::unexpected(test.error());
  }
  if (sort && (sort->empty() || *sort == "-")) return fail(Code::invalid, "--sort: which field?");
  if (auto ok = check_instant("--since", since); !ok) return ok;
  return check_instant("--until", until);
}

Result<std::optional<std::size_t>> Paging::wanted() const {
  if (auto ok = check(); !ok) return std::unexpected(ok.error());
  if (all || shapes()) return std::nullopt;
  if (!limit) return usual_limit;
  return static_cast<std::size_t>(*whole_number("--limit", *limit));
}

Result<Json> Paging::shaped(Json whole, Timestamp now) const {
  if (!shapes()) return whole;
  std::vector<Test> tests;
  for (const auto& filter : filters) tests.push_back(*parse_test(filter));
  const Json& before = whole["items"];
  for (const auto& test : tests) {
    if (auto ok = check_field("--filter", test.field, before); !ok) return std::unexpected(ok.error());
  }
  if (times == Times::here && (since || until)) {
    auto field = time_field(before);
    if (!field) return std::unexpected(field.error());
    if (since) tests.push_back({*field, ">=", instant(*since, now)});
    if (until) tests.push_back({*field, "<", instant(*until, now)});
  }
  const bool backwards = sort && sort->starts_with('-');
  const std::string by = !sort ? std::string() : sort->substr(backwards ? 1 : 0);
  if (sort) {
    if (auto ok = check_field("--sort", by, before); !ok) return std::unexpected(ok.error());
  }
  std::vector<Json> kept;
  for (auto& item : whole["items"]) {
    if (std::ranges::all_of(tests, [&](const Test& test) { return fits(field_of(item, test.field), test); })) {
      kept.push_back(std::move(item));
    }
  }
  if (sort) kept = sorted(std::move(kept), by, backwards);
  Json list{{"items", Json::array()}, {"next", nullptr}, {"total", kept.size()}};
  const std::size_t most = all     ? kept.size()
                           : limit ? static_cast<std::size_t>(*whole_number("--limit", *limit))
                                   : usual_limit;
  if (kept.size() > most) {
    kept.resize(most);
    list["next"] = fmt::format("after:{}", most);  // no cursor of the daemon's: it says that there is more
  }
  for (auto& item : kept) list["items"].push_back(std::move(item));
  return list;
}

}  // namespace govctl::cli
