#pragma once
// Sends a call to its provider: over HTTP, or to the mock that lives in this process. Used from one context's
// thread.

#include <unordered_map>

#include "daemon/calls/calls.h"
#include "daemon/providers/adapter.h"

namespace govctl::calls {

using Response = std::expected<std::unique_ptr<http::UpstreamResponse>, http::SendFault>;

class Calls::Upstreams {
 public:
  Upstreams(asio::io_context& context, const Clock& clock)
      : context_(context), clock_(clock), client_(context) {}
  [[nodiscard]] const asio::io_context& context() const { return context_; }

  // What one call sends; views outlive the sending.
  struct Letter {
    const providers::Adapter& adapter;
    providers::Format format;
    std::string body;  // in `format`
    bool stream = false;
    std::string_view request_id;
    std::string_view suffix = {};                                // behind the adapter's path: "/count_tokens"
    const std::vector<providers::WireHeader>* passed = nullptr;  // of the client's
  };
  // `cancel` receives what abandons the sending.
  asio::awaitable<Response> send(const tenant::Candidate& candidate, Letter letter,
                                 std::function<void()>* cancel);

  // GET of the provider's own list of models; `called` says which. invalid for a kind that has none.
  asio::awaitable<Response> list_models(const tenant::Candidate& candidate, std::string& called);

 private:
  // Shared: a change of the platform's rows drops what a call in flight still uses.
  using Parsed = std::shared_ptr<const Result<http::Upstream>>;
  Parsed upstream_of(const tenant::Candidate& candidate);
  asio::io_context& context_;
  const Clock& clock_;
  http::Client client_;
  // Base URLs, parsed once for each version of the platform's rows.
  std::shared_ptr<const domain::PlatformConfig> parsed_for_;
  std::unordered_map<const domain::Provider*, Parsed> parsed_;
};

}  // namespace govctl::calls
