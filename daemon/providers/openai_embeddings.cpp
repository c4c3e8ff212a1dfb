#include "daemon/providers/openai_embeddings.h"

#include <nlohmann/json.hpp>

#include "daemon/providers/counts.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::openai_embeddings {
namespace {

UsageReport read_usage(std::string_view value) {
  const auto json = nlohmann::json::parse(value, nullptr, false);
  if (!json.is_object()) return {.usage = std::nullopt, .absurd = !json.is_null()};
  TokenCounts counts;
  counts.in = count(json, "prompt_tokens", counts.absurd);
  const auto total = count(json, "total_tokens", counts.absurd);
  if (!counts.in) counts.in = total;
  return disjoint(counts);
}

}  // namespace

Result<AnswerFacts> read_answer(std::string_view body) {
  const auto object = scan_object(body, Utf8::passed);
  if (!object) return std::unexpected(object.error());
  AnswerFacts facts;
  if (const JsonMember* usage = object->find("usage")) facts.usage = read_usage(usage->value);
  return facts;
}

}  // namespace govctl::providers::openai_embeddings
