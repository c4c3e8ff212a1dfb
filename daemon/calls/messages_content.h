#pragma once
// What the content of a Messages request may cost beyond its text.

#include <string_view>

#include "daemon/domain/admission.h"

namespace govctl::calls::messages {

// Takes inline media out of ask.text_bytes, which the whole body was counted into.
// - An image in base64 is at most 48,169 tokens: the dearest that any provider makes of one (as in chat).
// Claude's own
//   bound is 4,784 (2,576 px on the long edge), but an alias may send a request for Claude elsewhere.
// - A PDF in base64 has no bound in its bytes (its pages are compressed, and each counts as text and as an
// image): the
//   call is held at the context window.
// - So is all that is only referred to (URLs, files), and every kind of block that is not known.
void read_content(std::string_view messages, domain::Ask& ask);
// The same for a text or a list of blocks alone, as `system` is.
void read_blocks(std::string_view content, domain::Ask& ask);

}  // namespace govctl::calls::messages
