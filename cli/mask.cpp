#include "cli/mask.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace govctl::cli {
namespace {

constexpr std::string_view cut = "…";

struct Maker {
  std::string_view begins;
  std::size_t at_least;  // characters of the whole word
};
constexpr std::array makers{Maker{"cpk_", 12},        Maker{"cst_", 12},  Maker{"sk-", 12},  Maker{"sk_", 12},
                            Maker{"rk_", 12},         Maker{"pk_", 12},   Maker{"gsk_", 12}, Maker{"xai-", 12},
                            Maker{"AKIA", 16},        Maker{"ASIA", 16},  Maker{"AIza", 20}, Maker{"eyJ", 20},
                            Maker{"ghp_", 20},        Maker{"hf_", 12},   Maker{"r8_", 12},  Maker{"pplx-", 12},
                            Maker{"github_pat_", 20}, Maker{"xoxb-", 12}, Maker{"ABSK", 20}, Maker{"co_", 20}};
constexpr std::array telling{std::string_view("key"),        std::string_view("token"),
                             std::string_view("secret"),     std::string_view("password"),
                             std::string_view("passphrase"), std::string_view("authorization")};
// Names that hold such a word and a path or an id behind it, not the secret itself.
constexpr std::array harmless{std::string_view("file"), std::string_view("dir"), std::string_view("_id")};

bool word_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '-' || c == '.' || c == '+' || c == '/' || c == '=';
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

// What of the word may be shown; all of it when it is no secret.
std::size_t shown_of(std::string_view word, bool behind_bearer) {
  if (behind_bearer) return 0;
  for (const auto& maker : makers) {
    // A key may stand behind "name=" or within a path.
    for (std::size_t at = word.find(maker.begins); at != std::string_view::npos;
         at = word.find(maker.begins, at + 1)) {
      const bool begins = at == 0 || word[at - 1] == '=' || word[at - 1] == '/';
      if (begins && word.size() - at >= maker.at_least) return at + maker.begins.size();
    }
  }
  return word.size();
}

// "://user:password@" -> "://user:…@"
std::string without_userinfo(std::string text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = text.find_first_of("/ \t\"'\n", at + 3);
    const std::size_t sign = text.find('@', at + 3);
    if (sign == std::string::npos || sign > end) continue;
    const std::size_t colon = text.find(':', at + 3);
    if (colon == std::string::npos || colon > sign) continue;
    text.replace(colon + 1, sign - colon - 1, cut);
  }
  return text;
}

}  // namespace

std::string masked(std::string_view text) {
  std::string out;
  bool behind_bearer = false;
  for (std::size_t at = 0; at < text.size();) {
    if (!word_character(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && word_character(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    const std::size_t shown = shown_of(word, behind_bearer);
    out += word.substr(0, shown);
    if (shown < word.size()) out += cut;
    behind_bearer = lower(word) == "bearer" || lower(word) == "basic";
    at = end;
  }
  return without_userinfo(std::move(out));
}

std::string masked_setting(std::string_view line) {
  const std::size_t mark = line.find_first_of(":=");
  if (mark == std::string_view::npos) return masked(line);
  const std::string name = lower(line.substr(0, mark));
  const auto holds = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  const bool tells = std::ranges::any_of(telling, holds) && std::ranges::none_of(harmless, holds);
  const std::size_t value = line.find_first_not_of(" \t", mark + 1);
  if (!tells || value == std::string_view::npos) return masked(line);
  return std::string(line.substr(0, value)) + std::string(cut);
}

}  // namespace govctl::cli
