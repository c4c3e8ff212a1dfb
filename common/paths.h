#pragma once
// Where govctl and govd keep their files (10-architecture.md "Files on disk", 40-control-api.md). All are
// absolute.

#include <string>

#include "common/error.h"

namespace govctl {

struct Paths {
  std::string state_dir;    // databases, anchors, lock, log
  std::string keys_dir;     // master key and one key per org; never inside state_dir
  std::string config_dir;   // config.yaml
  std::string runtime_dir;  // holds the socket
  std::string socket;       // the control socket
};

// This user's own daemon: $XDG_STATE_HOME, $XDG_CONFIG_HOME and $XDG_RUNTIME_DIR with their defaults below the
// home directory. A relative value is ignored, as the XDG Base Directory Specification says. Without a runtime
// directory, or when it belongs to somebody else (as after su), /tmp/govctl-UID. Nothing is created. Fails
// without a home directory.
Result<Paths> user_paths();
// The machine's daemon.
Paths system_paths();

// Makes `dir` a directory that only this user can enter: created with its parents (0700 each), or tightened to
// 0700. A directory or a link to it that belongs to somebody else is refused (Code::no_permission).
Result<void> ensure_private_dir(const std::string& dir);

// A Unix socket's path has 107 bytes at most (sun_path); a longer one would be cut without a word.
Result<void> check_socket_path(const std::string& path);

}  // namespace govctl
