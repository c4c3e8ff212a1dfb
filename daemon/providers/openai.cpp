#include "daemon/providers/openai.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/money.h"

namespace govctl::providers::openai {
namespace {

using domain::PriceKind;

// A count in a usage object: absent (or null) is nothing, anything but a sane whole number is absurd.
std::optional<std::int64_t> count(const nlohmann::json& object, const char* name, bool& absurd) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number_integer() ||
      (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(max_quantity))) {
    absurd = true;
    return std::nullopt;
  }
  const auto value = found->get<std::int64_t>();
  if (value < 0) {
    absurd = true;
    return std::nullopt;
  }
  return value;
}

std::int64_t detail(const nlohmann::json& usage, const char* object, const char* name, bool& absurd) {
  const auto found = usage.find(object);
  if (found == usage.end() || !found->is_object()) return 0;
  return count(*found, name, absurd).value_or(0);
}

// The length of the strings behind `"key":` in raw JSON.
std::int64_t text_behind(std::string_view json, std::string_view quoted_key) {
  std::int64_t bytes = 0;
  for (std::size_t at = json.find(quoted_key); at != std::string_view::npos; at = json.find(quoted_key, at)) {
    at += quoted_key.size();
    while (at < json.size() && (json[at] == ' ' || json[at] == ':')) ++at;
    if (at >= json.size() || json[at] != '"') continue;
    const std::size_t start = ++at;
    while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
    bytes += static_cast<std::int64_t>(std::min(at, json.size()) - start);
  }
  return bytes;
}

std::int64_t produced(std::string_view choices) {
  return text_behind(choices, "\"content\"") + text_behind(choices, "\"arguments\"") +
         text_behind(choices, "\"reasoning_content\"") + text_behind(choices, "\"refusal\"");
}

UsageReport usage_member(const JsonObject& object) {
  const JsonMember* usage = object.find("usage");
  return usage == nullptr ? UsageReport{} : read_usage(usage->value);
}

std::size_t offset(std::string_view text, std::string_view part) {
  return static_cast<std::size_t>(part.data() - text.data());
}

}  // namespace

std::optional<std::string> edited(std::string_view body, const JsonObject& object, const RequestEdits& edits) {
  std::vector<Splice> splices;
  std::string added;  // members that are not there yet, before the closing brace
  const auto set = [&](std::string_view key, std::string value) {
    if (const JsonMember* member = object.find(key)) {
      const std::size_t begin = offset(body, member->value);
      splices.push_back({begin, begin + member->value.size(), std::move(value)});
    } else {
      if (!object.members.empty() || !added.empty()) added += ',';
      added += json_quoted(key) + ":" + value;
    }
  };
  if (edits.model) set("model", json_quoted(*edits.model));
  if (edits.include_usage) {
    const JsonMember* options = object.find("stream_options");
    auto value = options == nullptr ? nlohmann::ordered_json::object()
                                    : nlohmann::ordered_json::parse(options->value, nullptr, false);
    if (!value.is_object()) value = nlohmann::ordered_json::object();
    value["include_usage"] = true;
    set("stream_options", value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  if (edits.max_tokens) {
    std::string_view field = edits.max_tokens_field;
    for (const std::string_view name : {"max_tokens", "max_completion_tokens"}) {
      const JsonMember* member = object.find(name);
      if (member != nullptr && member->value != "null") field = name;
    }
    set(field, fmt::format("{}", *edits.max_tokens));
  }
  if (splices.empty() && added.empty()) return std::nullopt;
  if (!added.empty()) splices.push_back({object.end, object.end, std::move(added)});
  return spliced(body, std::move(splices));
}

UsageReport read_usage(std::string_view value) {
  UsageReport report;
  const auto json = nlohmann::json::parse(value, nullptr, false);
  if (!json.is_object()) {
    report.absurd = !json.is_null();
    return report;
  }
  bool absurd = false;
  const auto prompt = count(json, "prompt_tokens", absurd);
  const auto completion = count(json, "completion_tokens", absurd);
  const auto total = count(json, "total_tokens", absurd);
  std::int64_t cached = detail(json, "prompt_tokens_details", "cached_tokens", absurd);
  // DeepSeek's name for the same.
  if (const auto hits = count(json, "prompt_cache_hit_tokens", absurd)) cached = std::max(cached, *hits);
  const std::int64_t audio_in = detail(json, "prompt_tokens_details", "audio_tokens", absurd);
  const std::int64_t audio_out = detail(json, "completion_tokens_details", "audio_tokens", absurd);
  const std::int64_t reasoning = detail(json, "completion_tokens_details", "reasoning_tokens", absurd);
  if (!prompt && !completion && !absurd) return report;

  const std::int64_t in = prompt.value_or(0);
  const std::int64_t out = completion.value_or(0);
  // xAI counts reasoning beside completion_tokens; its total tells.
  const bool beside = reasoning > 0 && total && *total == in + out + reasoning;
  const std::int64_t shown = beside ? out : out - reasoning;
  domain::Usage usage;
  usage[PriceKind::input] = in - cached - audio_in;
  usage[PriceKind::cache_read] = cached;
  usage[PriceKind::audio_in] = audio_in;
  usage[PriceKind::output] = shown - audio_out;
  usage[PriceKind::reasoning] = reasoning;
  usage[PriceKind::audio_out] = audio_out;
  const bool negative = std::ranges::any_of(usage.quantity, [](std::int64_t quantity) { return quantity < 0; });
  report.absurd = absurd || negative;
  if (!report.absurd) report.usage = usage;
  return report;
}

Result<Answer> read_answer(std::string_view body) {
  auto object = scan_object(body, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  Answer answer;
  answer.object = std::move(*object);
  answer.usage = usage_member(answer.object);
  if (const JsonMember* choices = answer.object.find("choices"))
    answer.produced_bytes = produced(choices->value);
  return answer;
}

std::string with_platform(std::string_view body, const JsonObject& object, std::string_view x_platform_json) {
  std::vector<Splice> splices;
  // A provider that is a govd itself has said its own.
  if (const JsonMember* theirs = object.find("x_platform")) {
    const auto begin = static_cast<std::size_t>(theirs->value.data() - body.data());
    splices.push_back({begin, begin + theirs->value.size(), std::string(x_platform_json)});
  } else {
    const char* const comma = object.members.empty() ? "" : ",";
    splices.push_back({object.end, object.end, fmt::format("{}\"x_platform\":{}", comma, x_platform_json)});
  }
  return spliced(body, std::move(splices));
}

Result<Chunk> read_chunk(std::string_view data) {
  auto object = scan_object(data, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  Chunk chunk;
  chunk.object = std::move(*object);
  chunk.usage = usage_member(chunk.object);
  const JsonMember* error = chunk.object.find("error");
  chunk.error = error != nullptr && error->value != "null";
  if (const JsonMember* choices = chunk.object.find("choices")) {
    chunk.usage_only = (chunk.usage.usage || chunk.usage.absurd) &&
                       choices->value.find_first_not_of(" \t\r\n[]") == std::string_view::npos;
    chunk.produced_bytes = produced(choices->value);
    const std::size_t reason = choices->value.find("\"finish_reason\"");
    if (reason != std::string_view::npos) {
      const std::size_t value = choices->value.find_first_not_of(" :", reason + 15);
      chunk.finished = value != std::string_view::npos && choices->value[value] == '"';
    }
  }
  return chunk;
}

bool hides_reasoning(std::string_view model) {
  const std::size_t slash = model.rfind('/');
  if (slash != std::string_view::npos) model.remove_prefix(slash + 1);
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

}  // namespace govctl::providers::openai
