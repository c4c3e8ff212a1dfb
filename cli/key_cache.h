#pragma once
// The key that `govctl env` made for an agent and gives again, so that every new shell does not make one. It
// lies in the user's runtime directory (0700, on systemd machines in memory), the file 0600.

#include <optional>
#include <string>

#include "common/error.h"

namespace govctl::cli {

struct CachedKey {
  std::string id, secret;
};

class KeyCache {
 public:
  // Of the daemon on `socket` and the agent `agent`.
  KeyCache(const std::string& runtime_dir, const std::string& socket, const std::string& agent);
  // Empty when there is none, or its file cannot be read or is not this user's alone.
  [[nodiscard]] std::optional<CachedKey> read() const;
  Result<void> write(const CachedKey& key) const;
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::string directory_, file_, of_;
};

}  // namespace govctl::cli
