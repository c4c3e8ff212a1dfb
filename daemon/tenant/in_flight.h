#pragma once
// The calls in flight of an org, to be told when they may not go on: their key was revoked, or what it hangs on
// was switched off, frozen or deleted. Nothing polls: the swap of a snapshot asks who is concerned.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/domain/admission.h"
#include "daemon/tenant/snapshot.h"

namespace govctl::tenant {

namespace asio = boost::asio;

// The first of what hangs above a key, from the org down to its agent, that is not active or is frozen.
std::optional<domain::Refusal> inactive(const Snapshot& snapshot,
                                        const std::array<const Node*, level_count>& nodes);

// Why a call that was admitted may not go on.
struct Stopped {
  std::string cause;  // as its usage event says it: "revoked", "inactive", "frozen"
  std::string message;
};
// What the rules say of a call of that key. A key that runs out by itself stops no call: it began in time.
std::optional<Stopped> stopped(const Snapshot& snapshot, const Uuid& key);

// Any thread.
class InFlight {
 public:
  using Stop = std::function<void(Stopped)>;

  // One call's place among those in flight. Made and destroyed on its executor's thread, where `stop` is
  // called, at most once and never after this is gone. The InFlight outlives it.
  class Watch {
   public:
    Watch(Watch&& other) noexcept : all_(std::exchange(other.all_, nullptr)), place_(other.place_) {}
    Watch& operator=(Watch&&) = delete;
    ~Watch();

   private:
    friend class InFlight;
    struct Entry;
    using Entries = std::list<std::shared_ptr<Entry>>;
    Watch(InFlight& all, Entries::iterator place) : all_(&all), place_(place) {}
    InFlight* all_;
    Entries::iterator place_;
  };

  [[nodiscard]] Watch enter(const Uuid& key, asio::any_io_executor executor, Stop stop);
  // Tells those whom `snapshot` concerns.
  void judge(const Snapshot& snapshot);

 private:
  std::mutex mutex_;
  Watch::Entries entries_;
};

}  // namespace govctl::tenant
