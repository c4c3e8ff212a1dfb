#include <fmt/format.h>
#include <strings.h>

#include <array>
#include <memory>

#include "cli/commands/nouns.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "cli/text.h"

namespace govctl::cli {
namespace {

constexpr std::array columns{Column{"ORG", "org"},
                             Column{"DATA KEY", "data_key", Column::Show::number},
                             Column{"ALL", "data_keys", Column::Show::number},
                             Column{"CREDENTIALS", "credentials", Column::Show::number},
                             Column{"BEHIND", "behind", Column::Show::number},
                             Column{"MASTER KEY", "master"}};

Result<Answer> with_secret(Session& s, const std::string& path, Json body, const std::string& secret) {
  body["secret"] = secret;
  auto made = s.post_slowly(path, body);
  explicit_bzero(body["secret"].get_ref<std::string&>().data(), secret.size());
  return answer(std::move(made));
}

Action status(Arguments&) {
  return [](Session& s) -> Result<Answer> {
    auto found = s.get("/secrets");
    if (!found) return std::unexpected(found.error());
    std::string text;
    const auto line = [&](std::string_view name, const std::string& value) {
      text += fmt::format("{:<12}{}\n", name, value);
    };
    line("master key", (*found)["master"].is_string() ? (*found)["master"].get<std::string>() : "-");
    line("from", found->value("source", std::string()));
    line("state", found->value("sealed", false) ? "SEALED: give its passphrase with `govctl secrets unseal`"
                  : found->value("rotating", false)
                      ? "a rotation was cut: `govctl secrets rotate-kek` goes on with it"
                      : "open");
    for (const auto& old : (*found)["retired"]) line("retired", old.get<std::string>());
    line("keys lie in", found->value("keys_dir", std::string()));
    std::vector<std::vector<Cell>> rows;
    auto& head = rows.emplace_back();
    for (const auto& column : columns) {
      head.push_back({std::string(column.title), s.settings().color_out ? bold : std::string_view(),
                      column.show == Column::Show::number});
    }
    for (const auto& org : (*found)["orgs"]) {
      auto& row = rows.emplace_back();
      for (const auto& column : columns) {
        const Json& value = org[std::string(column.field)];
        row.push_back({value.is_null()     ? "-"
                       : value.is_string() ? printable(value.get<std::string>())
                                           : value.dump(),
                       "", column.show == Column::Show::number});
      }
    }
    text += "\n" + aligned(rows);
    return Answer{.json = std::move(*found), .text = std::move(text)};
  };
}

Action rotate_master(Arguments& a) {
  struct Input {
    bool passphrase = false, destroy_old = false;
    SecretSource secret;
  };
  auto in = std::make_shared<Input>();
  a.flag("--passphrase", in->passphrase,
         "Store the new key under a passphrase only: govd then starts sealed, until `secrets unseal`");
  in->secret.declare(a);
  a.flag("--destroy-old", in->destroy_old,
         "Do not keep the old key: credentials in backups from before are gone with it");
  return [in](Session& s) -> Result<Answer> {
    if (in->passphrase != in->secret.given()) {
      return fail(Code::invalid,
                  in->passphrase ? "--passphrase needs one of --stdin, --from-file F, --env NAME"
                                 : "a secret is given, but not --passphrase: what is it for?",
                  "govctl secrets rotate-kek --passphrase --stdin");
    }
    if (in->destroy_old) {
      if (auto sure =
              s.confirm("destroy the old master key, and with it the credentials in backups from before");
          !sure) {
        return std::unexpected(sure.error());
      }
    }
    Json body = Json::object();
    if (in->destroy_old) body["destroy_old"] = true;
    if (!in->passphrase) return answer(s.post_slowly("/secrets/rotate-kek", std::move(body)));
    auto secret = in->secret.read(s.terminal());
    if (!secret) return std::unexpected(secret.error());
    return with_secret(s, "/secrets/rotate-kek", std::move(body), *secret);
  };
}

Action rotate_data_key(Arguments& a) {
  auto org = std::make_shared<std::string>();
  a.positional("ORG", *org, "Slug or id");
  return [org](Session& s) -> Result<Answer> {
    auto path = s.org(*org);
    if (!path) return std::unexpected(path.error());
    return answer(s.post_slowly("/orgs/" + segment(*path) + "/secrets/rotate-dek", std::nullopt));
  };
}

Action unseal(Arguments& a) {
  auto source = std::make_shared<SecretSource>();
  source->declare(a);
  return [source](Session& s) -> Result<Answer> {
    // On a terminal the passphrase is asked for without being told to.
    if (!source->given() && s.terminal().in_is_tty) source->from_stdin = true;
    auto secret = source->read(s.terminal());
    if (!secret) return std::unexpected(secret.error());
    auto done = with_secret(s, "/secrets/unseal", Json::object(), *secret);
    if (!done) return done;
    for (const auto& slug : done->json["left_out"]) {
      s.note(
          fmt::format("org {}: its credentials are under another master key still", slug.get<std::string>()));
    }
    return done;
  };
}

constexpr std::array commands{
    Command{"status", "Show which keys there are, never a key",
            "govctl secrets status\ngovctl secrets status -o json", status},
    Command{"rotate-kek", "Make another master key and wrap every org's data keys under it",
            "govctl secrets rotate-kek\ngovctl secrets rotate-kek --destroy-old -y\n"
            "govctl secrets rotate-kek --passphrase --from-file passphrase.txt",
            rotate_master},
    Command{"rotate-dek", "Make another data key for an org and encrypt its credentials anew",
            "govctl secrets rotate-dek acme", rotate_data_key},
    Command{"unseal", "Give the passphrase of the master key to a govd that has started sealed",
            "govctl secrets unseal --stdin\ngovctl secrets unseal --from-file passphrase.txt", unseal}};

}  // namespace

std::span<const Command> secrets_commands() { return commands; }

}  // namespace govctl::cli
