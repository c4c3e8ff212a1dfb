#include "daemon/restore_swap.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/restore.h"
#include "daemon/store/file_system.h"
#include "daemon/telemetry/log.h"

namespace govctl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view ready_name = "restore.ready";
constexpr std::string_view plan_name = "plan";
constexpr std::array<std::string_view, 4> beside{"", "-wal", "-shm", ".calls"};

bool there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

Result<void> move(const std::string& from, const std::string& to) {
  std::error_code code;
  fs::create_directories(fs::path(to).parent_path(), code);
  fs::rename(from, to, code);
  if (code) return fail(Code::unavailable, fmt::format("cannot move {}: {}", from, code.message()));
  if (auto synced = store::sync_directory_of(from); !synced) return synced;
  return store::sync_directory_of(to);
}

// The name's files make room.
Result<void> move_out(const std::string& state_dir, const std::string& name, const std::string& kept_as) {
  for (const std::string_view suffix : beside) {
    const std::string from = fmt::format("{}/{}{}", state_dir, name, suffix);
    if (!there(from)) continue;
    if (auto moved = move(from, fmt::format("{}/{}/{}{}", state_dir, kept_as, name, suffix)); !moved)
      return moved;
  }
  return {};
}

// Each line may be done a second time: what is still in `ready` was not moved in yet.
Result<void> do_line(const std::string& state_dir, const std::string& ready, const std::string& line,
                     const std::string& kept_as) {
  const std::string name = line.substr(line.find(' ') + 1);
  if (line.starts_with("out ")) return move_out(state_dir, name, kept_as);
  const std::string from = ready + "/" + name;
  if (!there(from)) return {};
  if (auto out = move_out(state_dir, name, kept_as); !out) return out;
  return move(from, state_dir + "/" + name);
}

}  // namespace

Result<void> commit_swap(const std::string& state_dir, const Swap& swap) {
  const std::string staging = fmt::format("{}/{}", state_dir, restore_staging);
  const std::string plan = fmt::format("{}/{}", staging, plan_name);
  {
    std::ofstream file(plan, std::ios::binary);
    file << swap.kept_as << "\n";
    for (const auto& name : swap.out) file << "out " << name << "\n";
    for (const auto& name : swap.in) file << "in " << name << "\n";
    file << "end\n" << std::flush;
    if (!file) return fail(Code::unavailable, fmt::format("{} cannot be written", plan));
  }
  if (auto synced = store::sync_file(plan); !synced) return synced;
  if (auto moved = move(staging, fmt::format("{}/{}", state_dir, ready_name)); !moved) return moved;
  return finish_restore(state_dir);
}

Result<void> finish_restore(const std::string& state_dir) {
  const std::string staging = fmt::format("{}/{}", state_dir, restore_staging);
  const std::string ready = fmt::format("{}/{}", state_dir, ready_name);
  std::error_code ignored;
  if (there(ready)) {
    std::ifstream file(fmt::format("{}/{}", ready, plan_name), std::ios::binary);
    std::string kept_as;
    std::getline(file, kept_as);
    for (std::string line; std::getline(file, line) && line != "end";) {
      if (auto done = do_line(state_dir, ready, line, kept_as); !done) return done;
    }
    // In one step from ready to none: a plan without its end is never found.
    fs::remove_all(staging, ignored);
    if (auto moved = move(ready, staging); !moved) return moved;
  }
  fs::remove_all(staging, ignored);
  return {};
}

}  // namespace govctl
