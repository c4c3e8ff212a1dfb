#include "daemon/calls/media.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace govctl::calls {
namespace {

// An image costs at most this, inline: gpt-4o-mini takes 2,833 + 8 tiles x 5,667 tokens, the others far less.
constexpr std::int64_t max_image_tokens = 48'169;

bool names_media(const providers::JsonMember& member) {
  constexpr std::array<std::string_view, 8> words{"image",    "audio",  "video", "file",
                                                  "document", "source", "url",   "data"};
  return member.value != "null" &&
         std::ranges::any_of(words, [&](std::string_view word) { return member.key.contains(word); });
}

}  // namespace

bool holds_media(const providers::JsonObject& object) {
  return std::ranges::any_of(object.members, names_media);
}

void count_image(const std::optional<std::string>& url, const providers::JsonObject& part, domain::Ask& ask) {
  if (!url || !url->starts_with("data:") || std::ranges::count_if(part.members, names_media) != 1) {
    ask.whole_context = true;
    return;
  }
  ask.text_bytes -= static_cast<std::int64_t>(url->size());
  ask.media_tokens += max_image_tokens;
}

}  // namespace govctl::calls
