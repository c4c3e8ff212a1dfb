#pragma once
// Our names in OpenTelemetry's GenAI conventions
// (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics, gen-ai-spans).

#include <string_view>

namespace govctl::gen_ai {

// gen_ai.operation.name of a dialect: "chat", "embeddings".
std::string_view operation_of(std::string_view dialect);
// gen_ai.provider.name: "aws.bedrock" for bedrock; the name itself where there is no well-known one.
std::string_view provider_of(std::string_view provider);

}  // namespace govctl::gen_ai
