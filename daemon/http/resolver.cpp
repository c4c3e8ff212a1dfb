#include "daemon/http/resolver.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace govctl::http {

namespace {
constexpr std::chrono::seconds keep_time{5};
constexpr std::size_t names_kept = 1024;
}  // namespace

struct Resolver::Lookup {
  explicit Lookup(asio::io_context& context) : resolver(context) {}
  asio::ip::tcp::resolver resolver;
  bool done = false;
  std::vector<asio::ip::address> addresses;
  std::chrono::steady_clock::time_point at;
  std::vector<asio::steady_timer*> waiting;

  [[nodiscard]] bool fresh() const {
    return !done || (!addresses.empty() && std::chrono::steady_clock::now() - at < keep_time);
  }
};

asio::awaitable<Result<std::vector<asio::ip::address>>> Resolver::resolve(std::string host,
                                                                          asio::steady_timer& patience) {
  std::shared_ptr<Lookup> lookup;
  if (const auto found = lookups_.find(host); found != lookups_.end() && found->second->fresh()) {
    lookup = found->second;
  } else {
    if (lookups_.size() >= names_kept) {
      std::erase_if(lookups_, [](const auto& entry) { return !entry.second->fresh(); });
    }
    lookup = std::make_shared<Lookup>(context_);
    lookups_.insert_or_assign(host, lookup);
    lookup->resolver.async_resolve(host, "", asio::ip::tcp::resolver::numeric_service,
                                   [lookup](const boost::system::error_code& error, const auto& results) {
                                     lookup->done = true;
                                     lookup->at = std::chrono::steady_clock::now();
                                     if (!error) {
                                       for (const auto& entry : results) {
                                         lookup->addresses.push_back(entry.endpoint().address());
                                       }
                                     }
                                     for (asio::steady_timer* timer : lookup->waiting) timer->cancel();
                                   });
  }
  if (!lookup->done) {
    struct Waiting {
      Lookup& lookup;
      asio::steady_timer& timer;
      ~Waiting() { std::erase(lookup.waiting, &timer); }
    };
    lookup->waiting.push_back(&patience);
    const Waiting waiting{*lookup, patience};
    co_await patience.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  // What does not end in time keeps Asio's thread, and whoever asks for the name next waits for the same
  // answer.
  if (!lookup->done) co_return fail(Code::timeout, "the name of " + host + " could not be resolved in time");
  if (lookup->addresses.empty())
    co_return fail(Code::upstream_failed, "the name of " + host + " has no address");
  co_return lookup->addresses;
}

}  // namespace govctl::http
