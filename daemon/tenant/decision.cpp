#include "daemon/tenant/decision.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace govctl::tenant {
namespace {

using Json = nlohmann::ordered_json;
using domain::Cause;
using domain::MoneyLine;
using domain::RateLine;

std::string_view what_word(const MoneyLine& line) {
  if (line.cause == Cause::credits) return "BALANCE";
  return line.cause == Cause::key_limit ? "LIMIT" : domain::period_word(line.period);
}

// On every call's way: put together by hand, the words need no escaping.
void add_money(std::span<const MoneyLine> money, std::string& out) {
  out += R"("money":[)";
  for (const MoneyLine& line : money) {
    fmt::format_to(std::back_inserter(out), R"({}["{}","{}",{},{},{}])", out.back() == '[' ? "" : ",",
                   level_word(line.level), what_word(line), line.limit, line.spent, line.held);
  }
  out += ']';
}

std::string_view rate_word(Cause cause) {
  return domain::number_kind_word(cause == Cause::rpm   ? domain::NumberKind::rpm
                                  : cause == Cause::tpm ? domain::NumberKind::tpm
                                                        : domain::NumberKind::parallel);
}

void add_rates(std::span<const RateLine> rates, std::string& out) {
  out += R"("rates":[)";
  for (const RateLine& line : rates) {
    fmt::format_to(std::back_inserter(out), R"({}["{}","{}",{},{},{}])", out.back() == '[' ? "" : ",",
                   level_word(line.level), rate_word(line.cause), line.limit, line.used, line.adds);
  }
  out += ']';
}

MoneyLine money_of(const Json& row) {
  MoneyLine line;
  line.level = parse_level(row.at(0).get<std::string>()).value_or(Level::org);
  const auto what = row.at(1).get<std::string>();
  const auto period = domain::parse_period(what);
  line.cause = period ? Cause::budget : what == "LIMIT" ? Cause::key_limit : Cause::credits;
  line.period = period.value_or(domain::Period::total);
  line.limit = row.at(2).get<std::int64_t>();
  line.spent = row.at(3).get<std::int64_t>();
  line.held = row.at(4).get<std::int64_t>();
  return line;
}

RateLine rate_of(const Json& row) {
  RateLine line;
  line.level = parse_level(row.at(0).get<std::string>()).value_or(Level::org);
  const auto what = row.at(1).get<std::string>();
  line.cause = what == "rpm" ? Cause::rpm : what == "tpm" ? Cause::tpm : Cause::parallel;
  line.limit = row.at(2).get<std::int64_t>();
  line.used = row.at(3).get<std::int64_t>();
  line.adds = row.at(4).get<std::int64_t>();
  return line;
}

domain::Refusal refusal_of(const Json& json) {
  domain::Refusal refusal;
  const auto text = [&](const char* name) { return json.value(name, std::string()); };
  const auto number = [&](const char* name) -> std::optional<std::int64_t> {
    return json.contains(name) ? std::optional(json[name].get<std::int64_t>()) : std::nullopt;
  };
  refusal.path = text("path");
  refusal.limit = number("limit");
  refusal.spent = number("spent");
  refusal.held = number("held");
  refusal.needed = number("needed");
  refusal.period = domain::parse_period(text("period"));
  refusal.resets_at = parse_rfc3339(text("resets_at"));
  refusal.retry_after_s = number("retry_after_s");
  refusal.parameter = text("parameter");
  refusal.provider = text("provider");
  refusal.model = text("model");
  refusal.next = text("next");
  for (const auto& row : json.value("money", Json::array())) refusal.money.push_back(money_of(row));
  for (const auto& row : json.value("rates", Json::array())) refusal.rates.push_back(rate_of(row));
  return refusal;
}

}  // namespace

std::string decision_json(std::span<const MoneyLine> money) {
  if (money.empty()) return {};
  std::string out = "{";
  add_money(money, out);
  return out + '}';
}

std::string decision_json(const domain::Refusal& refusal) {
  Json json = Json::object();
  if (!refusal.path.empty()) json["path"] = refusal.path;
  if (refusal.limit) json["limit"] = *refusal.limit;
  if (refusal.spent) json["spent"] = *refusal.spent;
  if (refusal.held) json["held"] = *refusal.held;
  if (refusal.needed) json["needed"] = *refusal.needed;
  if (refusal.period) json["period"] = domain::period_word(*refusal.period);
  if (refusal.resets_at) json["resets_at"] = rfc3339(*refusal.resets_at);
  if (refusal.retry_after_s) json["retry_after_s"] = *refusal.retry_after_s;
  if (!refusal.parameter.empty()) json["parameter"] = refusal.parameter;
  if (!refusal.provider.empty()) json["provider"] = refusal.provider;
  if (!refusal.model.empty()) json["model"] = refusal.model;
  if (!refusal.next.empty()) json["next"] = refusal.next;
  // A model's name may have been cut in the middle of a character.
  std::string out = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto more = [&](auto&& lines, auto&& write) {
    if (lines.empty()) return;
    out.pop_back();
    if (out.size() > 1) out += ',';
    write(lines, out);
    out += '}';
  };
  more(refusal.money, add_money);
  more(refusal.rates, add_rates);
  return out.size() > 2 ? out : std::string{};
}

domain::Refusal parse_decision(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  try {
    return json.is_object() ? refusal_of(json) : domain::Refusal{};
  } catch (const Json::exception&) {
    return {};
  }
}

}  // namespace govctl::tenant
