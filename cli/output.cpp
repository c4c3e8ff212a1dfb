#include "cli/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/text.h"
#include "cli/values.h"
#include "cli/yaml.h"
#include "common/money.h"

namespace govctl::cli {
namespace {

std::string dumped(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

bool is_list(const Json& json) {
  return json.is_object() && json.contains("items") && json["items"].is_array();
}

// "2026-11-21T09:30:00.123456Z" without its fraction.
std::string short_time(std::string text) {
  const std::size_t dot = text.find('.');
  if (dot != std::string::npos && text.ends_with("Z")) text = text.substr(0, dot) + "Z";
  return text;
}

struct StateColor {
  std::string_view word, color;
};
constexpr std::array state_colors{StateColor{"ACTIVE", green},
                                  StateColor{"SUCCESS", green},
                                  StateColor{"ok", green},
                                  StateColor{"DISABLED", yellow},
                                  StateColor{"EXPIRED", yellow},
                                  StateColor{"BUDGET_EXHAUSTED", yellow},
                                  StateColor{"BUDGET_EXCEEDED", yellow},
                                  StateColor{"POLICY_BLOCKED", yellow},
                                  StateColor{"REVOKED", red},
                                  StateColor{"ERROR", red},
                                  StateColor{"FAULT", red},
                                  StateColor{"warn", yellow},
                                  StateColor{"mended", green}};

Cell cell_of(const Json& value, Column::Show show, bool color) {
  Cell cell;
  if (value.is_boolean()) {
    cell.text = value.get<bool>() ? "yes" : "no";
  } else {
    cell.text = printable(flat(value));
  }
  if (cell.text.empty()) cell.text = "-";
  if (show == Column::Show::time) cell.text = short_time(cell.text);
  cell.right = show == Column::Show::number;
  if (show == Column::Show::state && color) {
    const auto* const found = std::ranges::find(state_colors, cell.text, &StateColor::word);
    if (found != state_colors.end()) cell.color = found->color;
  }
  return cell;
}

// A bar of up to 24 columns for a number, in halves of one; whatever is more than nothing shows.
std::string bar_of(const Json& value, std::int64_t largest) {
  if (!value.is_number_integer() || largest <= 0) return "";
  const auto number = std::clamp<std::int64_t>(value.get<std::int64_t>(), 0, largest);
  constexpr std::int64_t halves = 48;
  auto length = static_cast<std::int64_t>(Int128{number} * halves / largest);
  if (number > 0) length = std::max<std::int64_t>(length, 1);
  std::string bar;
  for (std::int64_t i = 0; i < length / 2; ++i) bar += "█";
  if (length % 2 == 1) bar += "▌";
  return bar;
}

std::int64_t largest_of(const Json& items, std::string_view field) {
  std::int64_t largest = 0;
  for (const auto& item : items) {
    const Json& value = field_of(item, field);
    if (value.is_number_integer()) largest = std::max(largest, value.get<std::int64_t>());
  }
  return largest;
}

std::string list_table(const Json& items, const View& view, const Settings& settings) {
  std::vector<std::vector<Cell>> rows;
  const auto shown = [&](const Column& column) { return !column.wide || settings.format == Format::wide; };
  if (!settings.no_headers) {
    auto& header = rows.emplace_back();
    for (const auto& column : view.columns) {
      if (!shown(column)) continue;
      header.push_back(
          {std::string(column.title), settings.color_out ? bold : "", column.show == Column::Show::number});
    }
  }
  for (const auto& item : items) {
    auto& row = rows.emplace_back();
    for (const auto& column : view.columns) {
      if (!shown(column)) continue;
      const Json& value = field_of(item, column.field);
      if (column.show == Column::Show::bar) {
        row.push_back({bar_of(value, largest_of(items, column.field)), "", false});
      } else {
        row.push_back(cell_of(value, column.show, settings.color_out));
      }
    }
  }
  return aligned(rows);
}

Column::Show show_of(std::string_view name) {
  if (name == "status") return Column::Show::state;
  return name.ends_with("_at") || name == "as_of" ? Column::Show::time : Column::Show::text;
}

// Name and value, one a line, with a line for each member of an object and each object of a list. What is null
// or empty is left out unless everything is asked for.
std::string object_table(const Json& object, const Settings& settings) {
  std::vector<std::vector<Cell>> rows;
  const auto add = [&](const std::string& title, const Json& value, Column::Show show) {
    rows.push_back({{title, settings.color_out ? bold : "", false}, cell_of(value, show, settings.color_out)});
  };
  for (const auto& [name, value] : object.items()) {
    const std::string title = printable(name);
    const bool nothing = value.is_null() || (value.is_structured() && value.empty()) || value == "";
    if (nothing) {
      if (settings.format == Format::wide) add(title, Json(), Column::Show::text);
    } else if (value.is_object()) {
      for (const auto& [member, inner] : value.items())
        add(title + "." + printable(member), inner, show_of(member));
    } else if (value.is_array() && value.front().is_structured()) {
      for (const auto& line : value) add(&line == &value.front() ? title : "", line, Column::Show::text);
    } else {
      add(title, value, show_of(name));
    }
  }
  return aligned(rows);
}

// RFC 4180: quoted when it holds a comma, a quote or a line break; quotes doubled; CRLF between lines.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string csv(const Json& items, const View* view, const Settings& settings) {
  std::vector<std::string> names;
  if (!items.empty() && items.front().is_object()) {
    for (const auto& [name, value] : items.front().items()) names.push_back(name);
  } else if (view != nullptr) {
    for (const auto& column : view->columns) names.emplace_back(column.field);
  }
  std::string out;
  const auto line = [&](auto&& field) {
    for (std::size_t i = 0; i < names.size(); ++i) out += (i == 0 ? "" : ",") + csv_field(field(names[i]));
    out += "\r\n";
  };
  if (!settings.no_headers && !names.empty()) line([](const std::string& name) { return name; });
  for (const auto& item : items) {
    line([&](const std::string& name) {
      const Json& value = field_of(item, name);
      return value.is_structured() ? dumped(value) : flat(value);
    });
  }
  return out;
}

std::string names_only(const Json& items, const View* view) {
  std::string out;
  for (const auto& item : items) {
    const std::string_view field = view != nullptr ? view->name : "id";
    const std::string name = flat(field_of(item, field));
    if (!name.empty()) out += printable(name) + "\n";
  }
  return out;
}

}  // namespace

Result<std::string> render(const Answer& answer, const Settings& settings, bool out_is_tty, Jq* jq) {
  const Json& json = answer.json;
  if (json.is_null()) return answer.text;
  if (jq != nullptr) {
    auto out = jq->run(json);
    if (out && out_is_tty) *out = printable(*out, true);
    return out;
  }
  const bool list = is_list(json);
  const Json items = list ? json["items"] : Json::array({json});
  if (settings.quiet && (list || answer.text.empty())) return names_only(items, answer.view);
  switch (settings.format) {
    case Format::json:
      return dumped(json, 2) + "\n";
    case Format::jsonl: {
      std::string out;
      for (const auto& item : items) out += dumped(item) + "\n";
      return out;
    }
    case Format::yaml:
      return yaml(json);
    case Format::csv:
      return csv(items, answer.view, settings);
    case Format::table:
    case Format::wide:
      break;
  }
  if (!answer.text.empty()) return answer.text;
  if (list && answer.view != nullptr) return list_table(items, *answer.view, settings);
  return object_table(json, settings);
}

std::string remark(const Answer& answer, const Settings& settings, bool err_is_tty,
                   std::optional<std::size_t> streamed) {
  if (!is_list(answer.json)) return "";
  const std::size_t count = streamed.value_or(answer.json["items"].size());
  if (answer.json.contains("next") && !answer.json["next"].is_null()) {
    const auto total = answer.json.value("total", std::int64_t{0});
    return total > 0 ? fmt::format("… {} of {} shown; --all for the rest\n", count, total)
                     : fmt::format("… the first {} shown; --all for the rest\n", count);
  }
  if (count == 0 && err_is_tty && !settings.quiet && answer.view != nullptr && !answer.view->empty.empty()) {
    return fmt::format("Nothing there yet. Next: {}\n", answer.view->empty);
  }
  return "";
}

std::string error_text(const Error& error, const std::string& request_id, bool json, bool color, bool with_id) {
  const auto& row = facts(error.code);
  if (json) {
    Json body{{"code", row.word}, {"message", error.message}, {"next", nullptr}, {"request_id", nullptr}};
    if (!error.next.empty()) body["next"] = error.next;
    if (!request_id.empty()) body["request_id"] = request_id;
    return dumped(Json{{"error", body}}) + "\n";
  }
  std::string text =
      fmt::format("{}govctl:{} {}\n", color ? red : "", color ? plain : "", printable(error.message));
  if (!error.next.empty()) text += fmt::format("  next: {}\n", printable(error.next));
  if (with_id && !request_id.empty()) text += fmt::format("  request: {}\n", printable(request_id));
  return text;
}

}  // namespace govctl::cli
