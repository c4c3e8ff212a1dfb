#include "daemon/providers/openai_embeddings.h"

#include "daemon/providers/counts.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers::openai_embeddings {
namespace {

UsageReport read_usage(std::string_view value) {
  UsageObject usage(value);
  TokenCounts counts;
  counts.in = usage.count("prompt_tokens");
  const auto total = usage.count("total_tokens");
  if (!counts.in) counts.in = total;
  counts.absurd = usage.absurd();
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
