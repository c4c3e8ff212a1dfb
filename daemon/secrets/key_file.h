#pragma once
// A key on disk: 32 bytes in a file 0400 of this user's, in a directory 0700. Never overwritten.

#include <span>
#include <string>
#include <vector>

#include "common/error.h"
#include "daemon/secrets/secrets.h"

namespace govctl::secrets {

// no_permission when others than this user could read or change it, or enter the directory.
Result<void> check_key_directory(const std::string& directory);
// not_found when there is none, no_permission when its owner or mode is wrong, corrupt when it has not 32
// bytes.
Result<Secret> read_key_file(const std::string& path);
// As read_key_file, but whoever handed the file over (systemd) answers for owner and mode.
Result<Secret> read_given_key(const std::string& path);
// Makes `path` with these bytes: whole and on disk, or not there. conflict when there is one already.
Result<void> write_key_file(const std::string& path, const Secret& key);
// A key under a passphrase: what seal_key() made, in a file of the same kind as a key's.
Result<std::vector<std::uint8_t>> read_sealed_file(const std::string& path);
Result<void> write_sealed_file(const std::string& path, std::span<const std::uint8_t> sealed);
// `path` is called `to`, too. Nothing when it is already.
Result<void> keep_key_file_as(const std::string& path, const std::string& to);
// `path` is called `to` from now on, which it replaces.
Result<void> rename_key_file(const std::string& path, const std::string& to);
// Overwrites and removes it; nothing when there is none.
Result<void> destroy_key_file(const std::string& path);

}  // namespace govctl::secrets
