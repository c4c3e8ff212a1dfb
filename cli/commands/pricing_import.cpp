#include "cli/commands/pricing_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "cli/prices/file.h"
#include "cli/session.h"
#include "cli/text.h"

namespace govctl::cli {
namespace {

struct Input {
  std::string file;
  std::optional<std::string> format, provider;
  bool replace = false;
  void declare(Arguments& a) {
    a.positional("FILE", file, "The price table: a file, or - for standard input");
    a.option("--from", "FORMAT", format, "What the file is", {"auto", "litellm", "models.dev"});
    a.option("--provider", "NAME", provider, "Only this provider's models", Names::provider);
    a.flag("--replace", replace, "Prices that were set by hand too");
  }
};

Result<std::string> text_of(const std::string& file, const Terminal& terminal) {
  if (file == "-") return std::string(std::istreambuf_iterator(terminal.in), {});
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(Code::invalid, fmt::format("{} cannot be read: {}", file, std::strerror(errno)));
  return std::string(std::istreambuf_iterator(stream), {});
}

Result<prices::File> read(const Input& in, const Terminal& terminal) {
  auto text = text_of(in.file, terminal);
  if (!text) return std::unexpected(text.error());
  const auto format = in.format == "litellm"      ? prices::Format::litellm
                      : in.format == "models.dev" ? prices::Format::models_dev
                                                  : prices::Format::automatic;
  auto file = prices::read(*text, format, in.provider);
  if (!file) return fail(file.error().code, fmt::format("{}: {}", in.file, file.error().message));
  if (file->models.empty() && file->skipped.empty()) {
    return fail(Code::invalid, fmt::format("{} has no model of {}", in.file,
                                           in.provider ? *in.provider : "a provider that is known here"));
  }
  return file;
}

// The daemon's report, and what was skipped before it was asked.
Result<api::PricingImported> send(Session& s, const Input& in, bool dry_run) {
  auto file = read(in, s.terminal());
  if (!file) return std::unexpected(file.error());
  api::PricingImport body;
  body.source = file->source;
  body.replace = in.replace;
  body.models = std::move(file->models);
  Query query;
  if (dry_run && !s.settings().dry_run) query.emplace_back("dry_run", "1");
  auto answer = s.post("/pricing/import", without_nulls(api::encode(body)), std::move(query));
  if (!answer) return std::unexpected(answer.error());
  auto report = api::decode<api::PricingImported>(*answer);
  if (!report) return report;
  for (auto& skipped : file->skipped) {
    ++report->skipped;
    report->models.push_back(
        {std::move(skipped.provider), std::move(skipped.model), "skipped", std::move(skipped.reason), {}, {}});
  }
  return report;
}

std::string kind_of(const api::PriceRow& row) {
  const std::string unit = row.unit == 1 ? "each" : fmt::format("per {}", row.unit);
  return row.from_tokens == 0 ? fmt::format("{} {}", row.kind, unit)
                              : fmt::format("{} {} from {} tokens", row.kind, unit, row.from_tokens);
}

// "input per 1000000: 2.5 -> 3", one a line; "none" where there is no such price.
std::string lines_of(const api::PricingOutcome& outcome) {
  std::string text;
  const auto price_in = [](const std::vector<api::PriceRow>& rows, const std::string& kind) -> std::string {
    const auto found = std::ranges::find(rows, kind, kind_of);
    return found == rows.end() ? "none" : found->price;
  };
  for (const auto& row : outcome.after) {
    const std::string was = price_in(outcome.before, kind_of(row));
    if (was != row.price) text += fmt::format("    {}: {} -> {}\n", kind_of(row), was, row.price);
  }
  for (const auto& row : outcome.before) {
    if (price_in(outcome.after, kind_of(row)) == "none") {
      text += fmt::format("    {}: {} -> none\n", kind_of(row), row.price);
    }
  }
  return text.empty() ? "    context window or output limit\n" : text;
}

std::string text_of(const api::PricingImported& report) {
  std::string text;
  std::map<std::string, std::vector<std::string>> skipped;
  for (const auto& outcome : report.models) {
    const std::string name = printable(outcome.provider + "/" + outcome.model);
    if (outcome.outcome == "skipped") {
      skipped[outcome.reason.value_or("")].push_back(name);
    } else {
      text += fmt::format("{} {}\n{}", outcome.outcome == "added" ? "+" : "~", name, lines_of(outcome));
    }
  }
  for (const auto& [reason, names] : skipped) {
    constexpr std::size_t shown = 5;
    text += fmt::format("skipped, {}: ", printable(reason));
    for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
    text += names.size() > shown ? fmt::format(" and {} more\n", names.size() - shown) : "\n";
  }
  return text + fmt::format("{} added, {} changed, {} the same, {} skipped\n", report.added, report.changed,
                            report.same, report.skipped);
}

}  // namespace

Action import_prices(Arguments& a) {
  auto in = std::make_shared<Input>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto report = send(s, *in, false);
    if (!report) return std::unexpected(report.error());
    return Answer{.json = api::encode(*report), .text = text_of(*report)};
  };
}

Action diff_prices(Arguments& a) {
  auto in = std::make_shared<Input>();
  in->declare(a);
  return [in](Session& s) -> Result<Answer> {
    auto report = send(s, *in, true);
    if (!report) return std::unexpected(report.error());
    const int exit_code = report->added + report->changed == 0 ? 0 : 2;
    return Answer{.json = api::encode(*report), .text = text_of(*report), .exit_code = exit_code};
  };
}

}  // namespace govctl::cli
