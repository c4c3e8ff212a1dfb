#pragma once
// Who a call is for, from its headers (20-gateway.md "Attribution"). What a client sends is stored as the
// client's.

#include <string>

#include "daemon/http/server.h"

namespace govctl::calls {

// x-session-id and the names that clients use for it; printable, at most 200 characters, or empty.
std::string session_of(const http::Exchange& exchange);
// The request id a client sent; never ours.
std::string client_request_id_of(const http::Exchange& exchange);
// x-govd-tags: k=v,… as a JSON object in text, with x-claude-code-agent-id as one of them; at most 16, or
// empty.
std::string tags_of(const http::Exchange& exchange);

}  // namespace govctl::calls
