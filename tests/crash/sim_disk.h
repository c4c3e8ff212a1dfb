#pragma once
// A disk in memory that can lose its power. SQLite writes to it through a VFS, journals through
// WriterOptions::make_journal; what was written and not synced is dropped, kept or torn by a cut, in any order.
//
// What it takes a disk to be: a sync makes all that was written to that file before durable, and nothing else
// does; a write that was not synced may be there whole, in some of its sectors of 512 bytes or not at all,
// whatever became of those before and after it, and a sector that was being written may hold anything; bytes
// beside a write stay as they were (SQLite's own unix VFS promises that, too). A file's name is durable with
// its first sync, as SQLite's unix VFS and store/block_file.h sync the directory then.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemon/store/block_file.h"

namespace govctl::test {

using Random = std::mt19937_64;

// What lies on the disk: contents by path.
using Image = std::map<std::string, std::string>;

// What happened to the disk, in order.
struct DiskEvent {
  enum class Kind { create, write, truncate, sync, remove, mark };
  Kind kind = Kind::mark;
  std::uint32_t file = 0;    // into DiskLog::files
  std::uint64_t offset = 0;  // of a write; the new size of a truncation
  std::string bytes;
  std::int64_t note = 0;  // of a mark: the caller's own
};
struct DiskLog {
  Image before;  // durable when the log begins
  std::vector<std::string> files;
  std::vector<DiskEvent> events;
};

// Where a disk can fail.
enum class DiskPoint {
  journal_make,
  journal_write,
  journal_sync,
  log_write,
  log_sync,
  database_write,
  database_sync
};
enum class DiskFault { kill, eio, enospc };

// The disk under every database that this process opens from construction on. One at a time. Any thread.
class SimDisk {
 public:
  SimDisk();
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // Everything on it is replaced. Nobody may have a file open. Databases get an empty file of their name in
  // the real directory, where the store looks for names; journals are written there whole, since the store
  // reads them past any seam.
  void put(const Image& image);
  // As of now, synced or not: what a killed process leaves.
  [[nodiscard]] Image take() const;

  // Changes one file past everybody who has it open; no journal.
  void poke(const std::string& path, const std::string& content);

  // All from now on is logged.
  void start_log();
  void mark(std::int64_t note);
  [[nodiscard]] std::size_t logged() const;
  DiskLog end_log();

  // For WriterOptions::make_journal.
  [[nodiscard]] store::BlockFileMaker journals();

  // Syncs of files whose names end so wait until they are let go.
  void hold_syncs(const std::string& suffix);
  // Frames on their way into a journal wait.
  void hold_frames();
  // Returns when somebody waits.
  void wait_for_gate();
  void let_frame_go();  // one
  void let_go();        // all, and from now on

  // From the `nth` time on that the point is passed (1: the next), it fails, and with enospc all writing does,
  // until mend(). kill: nothing fails, but what lies on the disk then is kept.
  void fail(DiskPoint point, DiskFault fault, std::uint64_t nth);
  void mend();
  // Whether the point was passed so often; and, of a kill, what was there and how many events were logged then.
  [[nodiscard]] bool failed() const;
  [[nodiscard]] std::pair<Image, std::size_t> killed() const;

  // Faults that a test of power loss must find. What the journal is told is synced, is not:
  bool journal_skips_sync = false;
  // SQLite runs with PRAGMA synchronous = NORMAL.
  bool normal_synchronous = false;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

// The disks that power cuts in a log may leave, in ascending order of where they strike.
class Cutter {
 public:
  explicit Cutter(const DiskLog& log);
  // After `events` of the log's events, at least as many as the last time.
  [[nodiscard]] Image cut(std::size_t events, Random& random);

 private:
  struct File {
    std::string synced;
    std::vector<const DiskEvent*> pending;
    bool there = false;
    bool named = false;  // durably
  };
  void apply(const DiskEvent& event);
  const DiskLog& log_;
  std::size_t at_ = 0;
  std::vector<File> files_;
};

// True with a chance of one in `n`.
inline bool one_in(Random& random, std::uint64_t n) { return random() % n == 0; }

}  // namespace govctl::test
