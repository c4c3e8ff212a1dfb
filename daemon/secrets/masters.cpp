#include "daemon/secrets/masters.h"

#include <cryptopp/sha.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "daemon/secrets/envelope.h"
#include "daemon/secrets/key_file.h"
#include "daemon/secrets/passphrase.h"

namespace govctl::secrets {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view plain_suffix = ".key", sealed_suffix = ".sealed";
constexpr std::string_view current_name = "master", next_name = "master.next", retired_prefix = "master-";

bool there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string path_of(const std::string& keys_dir, std::string_view name, bool under_passphrase) {
  return fmt::format("{}/{}{}", keys_dir, name, under_passphrase ? sealed_suffix : plain_suffix);
}

// The master key of this name in either form; empty when there is none.
Result<std::optional<Master>> load(const std::string& keys_dir, std::string_view name) {
  for (const bool under_passphrase : {false, true}) {
    Master master{path_of(keys_dir, name, under_passphrase), under_passphrase};
    if (!there(master.path)) continue;
    if (under_passphrase) {
      if (auto sealed = read_sealed_file(master.path); !sealed) return std::unexpected(sealed.error());
    } else {
      auto key = read_key_file(master.path);
      if (!key) return std::unexpected(key.error());
      master.key = std::move(*key);
    }
    return master;
  }
  return std::nullopt;
}

Result<std::vector<Master>> load_retired(const std::string& keys_dir) {
  std::vector<Master> retired;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(keys_dir, code)) {
    const std::string name = entry.path().stem().string();
    if (!name.starts_with(retired_prefix)) continue;
    if (entry.path().extension() != plain_suffix && entry.path().extension() != sealed_suffix) continue;
    auto master = load(keys_dir, name);
    if (!master) return std::unexpected(master.error());
    if (*master) retired.push_back(std::move(**master));
  }
  return retired;
}

std::optional<std::string> given_path(std::string_view name) {
  const char* given = std::getenv("CREDENTIALS_DIRECTORY");
  if (given == nullptr || *given == '\0') return std::nullopt;
  std::string path = fmt::format("{}/{}-key", given, name);
  return there(path) ? std::optional(std::move(path)) : std::nullopt;
}

}  // namespace

std::string_view master_source_word(MasterSource source) {
  switch (source) {
    case MasterSource::file:
      return "file";
    case MasterSource::credential:
      return "credential";
    case MasterSource::passphrase:
      break;
  }
  return "passphrase";
}

std::string fingerprint(const Secret& key) {
  constexpr std::string_view purpose = "govctl master key fingerprint";
  CryptoPP::SHA256 sum;
  sum.Update(reinterpret_cast<const CryptoPP::byte*>(purpose.data()), purpose.size());
  sum.Update(key.bytes().data(), key.bytes().size());
  std::array<std::uint8_t, CryptoPP::SHA256::DIGESTSIZE> hash{};
  sum.Final(hash.data());
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) text += fmt::format("{:02x}", hash[i]);
  return text;
}

Result<Secret> find_key(const std::string& keys_dir, std::string_view name, bool existing_data) {
  if (const auto given = given_path(name)) return read_given_key(*given);
  const std::string path = path_of(keys_dir, name, false);
  auto key = read_key_file(path);
  if (key || key.error().code != Code::not_found) return key;
  if (existing_data) {
    return fail(Code::not_found,
                fmt::format("the {} key of the existing data is missing: put it back at {}", name, path));
  }
  Secret made(key_size);
  random_bytes(made.bytes());
  if (auto written = write_key_file(path, made); !written) return std::unexpected(written.error());
  return made;
}

Result<MasterFiles> load_masters(const std::string& keys_dir, bool existing_data) {
  MasterFiles masters;
  auto next = load(keys_dir, next_name);
  if (!next) return std::unexpected(next.error());
  auto current = load(keys_dir, current_name);
  if (!current) return std::unexpected(current.error());
  if (const auto given = given_path(current_name)) {
    auto key = read_given_key(*given);
    if (!key) return std::unexpected(key.error());
    masters.source = MasterSource::credential;
    masters.current = {*given, false, std::move(*key)};
  } else if (*current) {
    masters.current = std::move(**current);
  } else if (*next) {
    // A rotation was cut in its last step.
    Master adopted = std::move(**next);
    next->reset();
    const std::string path = path_of(keys_dir, current_name, adopted.under_passphrase);
    if (auto renamed = rename_key_file(adopted.path, path); !renamed) return std::unexpected(renamed.error());
    adopted.path = path;
    masters.current = std::move(adopted);
  } else {
    auto key = find_key(keys_dir, current_name, existing_data);
    if (!key) return std::unexpected(key.error());
    masters.current = {path_of(keys_dir, current_name, false), false, std::move(*key)};
  }
  if (masters.current.under_passphrase) masters.source = MasterSource::passphrase;
  masters.next = std::move(*next);
  auto retired = load_retired(keys_dir);
  if (!retired) return std::unexpected(retired.error());
  masters.retired = std::move(*retired);
  return masters;
}

Result<bool> open_masters(MasterFiles& masters, const Secret& passphrase) {
  bool opened = false;
  const auto try_one = [&](Master& master) -> Result<void> {
    if (master.open() || !master.under_passphrase) return {};
    auto sealed = read_sealed_file(master.path);
    if (!sealed) return std::unexpected(sealed.error());
    auto key = open_key(*sealed, passphrase);
    if (!key) return key.error().code == Code::unauthenticated ? Result<void>{} : std::unexpected(key.error());
    master.key = std::move(*key);
    opened = true;
    return {};
  };
  if (auto tried = try_one(masters.current); !tried) return std::unexpected(tried.error());
  if (masters.next) {
    if (auto tried = try_one(*masters.next); !tried) return std::unexpected(tried.error());
  }
  for (Master& master : masters.retired) {
    if (auto tried = try_one(master); !tried) return std::unexpected(tried.error());
  }
  return opened;
}

Result<void> make_next(MasterFiles& masters, const std::string& keys_dir, const Secret* passphrase) {
  if (masters.next) return {};
  Master next{path_of(keys_dir, next_name, passphrase != nullptr), passphrase != nullptr, Secret(key_size)};
  random_bytes(next.key.bytes());
  if (passphrase == nullptr) {
    if (auto written = write_key_file(next.path, next.key); !written) return written;
  } else {
    auto sealed = seal_key(next.key, *passphrase);
    if (!sealed) return std::unexpected(sealed.error());
    if (auto written = write_sealed_file(next.path, *sealed); !written) return written;
  }
  masters.next = std::move(next);
  return {};
}

Result<void> adopt_next(MasterFiles& masters, const std::string& keys_dir, bool destroy_old) {
  Master& old = masters.current;
  Master& next = *masters.next;
  const std::string kept =
      path_of(keys_dir, std::string(retired_prefix) + fingerprint(old.key), old.under_passphrase);
  if (auto linked = keep_key_file_as(old.path, kept); !linked) return linked;
  const std::string path = path_of(keys_dir, current_name, next.under_passphrase);
  if (path != old.path) {
    std::error_code code;
    fs::remove(old.path, code);
    if (code) return fail(Code::unavailable, fmt::format("{} cannot be removed: {}", old.path, code.message()));
  }
  if (auto renamed = rename_key_file(next.path, path); !renamed) return renamed;
  next.path = path;
  // A rotation that was cut behind the link has found it there as a retired one.
  std::erase_if(masters.retired, [&](const Master& master) { return master.path == kept; });
  old.path = kept;
  masters.retired.push_back(std::move(old));
  masters.current = std::move(next);
  masters.next.reset();
  masters.source = masters.current.under_passphrase ? MasterSource::passphrase : MasterSource::file;
  if (!destroy_old) return {};
  if (auto destroyed = destroy_key_file(kept); !destroyed) return destroyed;
  masters.retired.pop_back();
  return {};
}

}  // namespace govctl::secrets
