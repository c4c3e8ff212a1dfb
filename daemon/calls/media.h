#pragma once
// What a part of a request that is no text may cost (30-ledger.md "Worst case"), for the dialects of OpenAI:
// inline images are bounded by what a provider can make of them and not by their base64; what is only referred
// to can be as large as the context window.

#include <optional>
#include <string>

#include "daemon/domain/admission.h"
#include "daemon/providers/json_object.h"

namespace govctl::calls {

// The object has a member that an upstream may take for media, whatever its type says.
bool holds_media(const providers::JsonObject& object);

// An image of `part`, whose address is `url` where that could be read.
void count_image(const std::optional<std::string>& url, const providers::JsonObject& part, domain::Ask& ask);

}  // namespace govctl::calls
