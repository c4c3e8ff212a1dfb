#include "cli/document/source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/secret_input.h"

namespace govctl::cli::document {
namespace {

constexpr std::string_view mark = "govctl_plan";  // of a plan file, with its version
constexpr int plan_version = 1;

Result<std::string> content_of(const std::string& file, const Terminal& terminal) {
  if (file == "-") return std::string(std::istreambuf_iterator(terminal.in), {});
  if (std::filesystem::is_directory(file)) {
    return fail(Code::invalid, fmt::format("{} cannot be read: it is a directory", file));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  if (stream) text.assign(std::istreambuf_iterator(stream), {});
  if (stream.fail()) {
    return fail(Code::invalid, fmt::format("{} cannot be read: {}", file, std::strerror(errno)));
  }
  return text;
}

Json schema_of(bool platform) {
  return platform ? api::schema<api::PlatformDocument>() : api::schema<api::OrgDocument>();
}

// A document of the other kind would be refused for its fields, which tells little.
Result<void> check_kind(const std::string& file, const std::string& text, bool platform) {
  const auto begins = [&](std::string_view field) {
    return text.starts_with(field) || text.contains("\n" + std::string(field)) ||
           text.contains("\"" + std::string(field.substr(0, field.size() - 1)) + "\"");
  };
  const bool of_org = begins("org:");
  if (platform && of_org) {
    return fail(Code::invalid, fmt::format("{} is an org's document: leave --platform out", file));
  }
  if (!platform && !of_org && (begins("providers:") || begins("models:"))) {
    return fail(Code::invalid, fmt::format("{} is the platform's document: it needs --platform", file));
  }
  return {};
}

Result<Source> from_plan(const std::string& file, const Json& json) {
  if (json[mark] != plan_version) {
    return fail(Code::invalid, fmt::format("{} is a plan of another version of govctl; make it anew", file));
  }
  Source source;
  source.file = json.at("file").get<std::string>();
  source.platform = json.at("platform").get<bool>();
  source.document.json = json.at("document");
  source.base = json.at("base").get<std::string>();
  if (json.contains("set")) source.set = json["set"].get<std::string>();
  source.prune = json.value("prune", false);
  source.changes = json.at("changes");
  return source;
}

// Where a relative file: of the document begins.
std::string beside(const std::string& file, const std::string& path) {
  if (path.starts_with('/') || file == "-") return path;
  return (std::filesystem::path(file).parent_path() / path).string();
}

std::string name_of(const Json& credential) {
  const auto label = credential.value("label", std::string());
  return credential.value("provider", std::string()) + (label.empty() ? "" : " " + label);
}

// The source that a reference names; empty, with the reason in `why`, when nothing is there.
Result<std::optional<SecretSource>> source_of(const Source& source, const std::string& reference,
                                              const Terminal& terminal, bool ask, std::string& why) {
  SecretSource from;
  if (reference.starts_with("env:")) {
    from.variable = reference.substr(4);
    if (terminal.env(from.variable->c_str()).value_or("").empty()) {
      why = fmt::format("the variable {} is not set", *from.variable);
      return std::nullopt;
    }
  } else if (reference.starts_with("file:")) {
    from.file = beside(source.file, reference.substr(5));
    if (access(from.file->c_str(), F_OK) != 0) {
      why = fmt::format("there is no file {}", *from.file);
      return std::nullopt;
    }
  } else if (reference == "stdin") {
    if (source.file == "-") return fail(Code::invalid, "standard input is the document already");
    from.from_stdin = true;
    const bool nothing = terminal.in_is_tty ? !ask : terminal.in.peek() == std::istream::traits_type::eof();
    if (nothing) {
      why = "standard input gives none";
      return std::nullopt;
    }
  } else {
    return fail(Code::invalid,
                "'secret' must be a reference: env:NAME, file:PATH or stdin. A secret itself has no place in a "
                "document; if this is one, replace it at its provider",
                "govctl explain-field credential.secret");
  }
  return from;
}

}  // namespace

Error Source::placed(Error error) const {
  const Json details = Json::parse(error.details, nullptr, false);
  if (!details.is_object() || !details.contains("at") || !details["at"].is_string()) return error;
  auto at = details["at"].get<std::string>();
  for (;; at = at.substr(0, at.rfind('/'))) {
    if (const auto line = document.lines.find(at); line != document.lines.end()) {
      error.message = fmt::format("{}:{}: {}", file, line->second, error.message);
      return error;
    }
    if (at.empty()) return error;
  }
}

Result<Source> load(const std::string& file, bool platform, const Terminal& terminal) {
  auto text = content_of(file, terminal);
  if (!text) return std::unexpected(text.error());
  const Json json = Json::parse(*text, nullptr, false);
  if (json.is_object() && json.contains(mark)) return from_plan(file, json);
  if (auto ok = check_kind(file, *text, platform); !ok) return std::unexpected(ok.error());
  auto document = read_text(file, *text, schema_of(platform));
  if (!document) return std::unexpected(document.error());
  Source source;
  source.file = file;
  source.platform = platform;
  source.document = std::move(*document);
  return source;
}

Json plan_file(const Source& source, const api::Applied& plan) {
  Json json{{mark, plan_version},
            {"file", source.file},
            {"platform", source.platform},
            {"base", plan.base},
            {"prune", source.prune},
            {"document", source.document.json},
            {"changes", api::encode(plan.changes)}};
  if (source.set) json["set"] = *source.set;
  return json;
}

Result<Secrets> resolve(const Source& source, const Terminal& terminal, bool ask) {
  Secrets secrets;
  const auto credentials = source.document.json.find("credentials");
  if (credentials == source.document.json.end()) return secrets;
  bool stdin_taken = false;
  for (std::size_t i = 0; i < credentials->size(); ++i) {
    const Json& credential = (*credentials)[i];
    if (!credential.contains("secret")) continue;
    const auto reference = credential["secret"].get<std::string>();
    const auto wrong = [&](Error error) {
      error.details = Json{{"at", fmt::format("/credentials/{}/secret", i)}}.dump();
      return std::unexpected(source.placed(std::move(error)));
    };
    if (reference == "stdin" && std::exchange(stdin_taken, true)) {
      return wrong({Code::invalid, "only one secret can come from standard input", "", ""});
    }
    std::string why;
    auto from = source_of(source, reference, terminal, ask, why);
    if (!from) return wrong(from.error());
    if (!*from) {
      secrets.missing.push_back(fmt::format("credential {}: {}", name_of(credential), why));
      continue;
    }
    auto secret = (*from)->read(terminal);
    if (!secret) return wrong(secret.error());
    secrets.given.push_back(Json{{"credential", i}, {"secret", std::move(*secret)}});
  }
  return secrets;
}

void add_references(Json& document) {
  const auto credentials = document.find("credentials");
  if (credentials == document.end()) return;
  std::map<std::string, int> seen;
  for (auto& credential : *credentials) {
    std::string name = document.value("org", std::string()) + " " + name_of(credential);
    if (const int nth = ++seen[name]; nth > 1) name += fmt::format(" {}", nth);
    std::ranges::transform(name, name.begin(), [](char c) {
      if (c >= 'a' && c <= 'z') return static_cast<char>(c - 32);
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    });
    credential["secret"] = "env:" + name + "_API_KEY";
  }
}

}  // namespace govctl::cli::document
