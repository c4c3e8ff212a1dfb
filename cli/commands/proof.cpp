#include "cli/commands/proof.h"

#include <fmt/format.h>

#include "cli/text.h"
#include "common/api/ledger.h"

namespace govctl::cli {
std::string report_text(const Json& report, const Settings& settings) {
  std::vector<std::vector<Cell>> rows;
  const auto color = [&](std::string_view sequence) {
    return settings.color_out ? sequence : std::string_view();
  };
  if (!settings.no_headers) {
    auto& header = rows.emplace_back();
    for (const auto* title : {"ORG", "TABLE", "ROWS", "RESULT", "HEAD"}) {
      header.push_back({title, color(bold), std::string_view(title) == "ROWS"});
    }
  }
  for (const auto& table : report["tables"]) {
    const bool ok = table.value("ok", false);
    std::string head = table.value("head", std::string());
    if (settings.format != Format::wide) head.resize(std::min<std::size_t>(head.size(), 16));
    rows.push_back({{printable(table.value("org", std::string())), "", false},
                    {printable(table.value("table", std::string())), "", false},
                    {std::to_string(table.value("rows", std::int64_t{0})), "", true},
                    {ok ? "ok" : "FAULT", color(ok ? green : red), false},
                    {printable(head), "", false}});
  }
  std::string text = aligned(rows);
  for (const auto& table : report["tables"]) {
    if (!table.contains("fault") || !table["fault"].is_string()) continue;
    text += fmt::format("{}/{}: {}\n", printable(table.value("org", std::string())),
                        printable(table.value("table", std::string())),
                        printable(table["fault"].get<std::string>()));
  }
  const bool ok = report.value("ok", false);
  return text + fmt::format("{}; {} signed anchors checked\n",
                            ok ? "Nothing was changed" : "NOT PROVEN: something was changed or is missing",
                            report.value("anchors", std::int64_t{0}));
}

Result<Answer> prove(Session& s, const std::optional<std::string>& org, std::string_view table) {
  Query query;
  add(query, "org", org);
  auto report = s.get_slowly("/verify", std::move(query));
  if (!report) return std::unexpected(report.error());
  if (!report->is_object() || !report->contains("tables") || !(*report)["tables"].is_array()) {
    return fail(Code::internal, "the daemon's report has no tables", "govctl version");
  }
  if (!table.empty()) {
    Json kept = Json::array();
    bool ok = true;
    for (const auto& each : (*report)["tables"]) {
      if (each.value("table", std::string()) != table) continue;
      ok = ok && each.value("ok", false);
      kept.push_back(each);
    }
    (*report)["tables"] = std::move(kept);
    (*report)["ok"] = ok;
  }
  const bool ok = report->value("ok", false);
  std::string text = report_text(*report, s.settings());
  return Answer{.json = std::move(*report), .text = std::move(text), .exit_code = ok ? 0 : 2};
}

}  // namespace govctl::cli
