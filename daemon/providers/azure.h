#pragma once
// Kind "azure_openai": OpenAI's formats at an Azure resource
// (learn.microsoft.com/azure/ai-foundry/openai/reference and .../api-version-lifecycle). The model's upstream
// name is the deployment's. The base URL says which API it is:
//   https://RESOURCE.openai.azure.com/openai/v1   the v1 API: paths as OpenAI's, an api-version only where the
//   row
//                                                 names one ("preview")
//   https://RESOURCE.openai.azure.com/openai      the dated API: the deployment in the path, an api-version
//   always
// ("/openai" may be left out). The dated API has responses from 2025-03-01-preview on only: the default, the
// last GA version, refuses them with a word on what to set; a row for it says that it has none, and they go
// through chat.

#include "daemon/providers/adapter.h"

namespace govctl::providers::azure {

const Adapter& adapter();

}  // namespace govctl::providers::azure
