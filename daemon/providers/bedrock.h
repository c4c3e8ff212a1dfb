#pragma once
// Amazon Bedrock's InvokeModel with Anthropic's models
// (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html):
// Messages bodies without model and stream, requests signed with AWS's key, streams in AWS's framing
// (aws_event_stream.h).

#include "daemon/providers/adapter.h"

namespace govctl::providers::bedrock {

// Kind "bedrock". The credential is "ACCESS_KEY_ID:SECRET_ACCESS_KEY", with ":SESSION_TOKEN" for a temporary
// one. The region is the base URL's: bedrock-runtime.REGION.amazonaws.com, or else its host's second label;
// us-east-1 where the host names none (a test's).
const Adapter& adapter();

}  // namespace govctl::providers::bedrock
