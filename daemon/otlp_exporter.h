#pragma once
// Sends spans of calls to a collector, in batches, beside the calls: none waits for it. What cannot be sent is
// dropped and counted (govd_spans_dropped_total).

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string_view>

#include "common/error.h"
#include "daemon/http/client.h"

namespace govctl {

// The collector at `url`, to which /v1/traces is appended: https, or http to loopback.
Result<http::Upstream> otlp_collector(std::string_view url);

class OtlpExporter {
 public:
  // Starts. On `context` alone, which outlives this.
  OtlpExporter(boost::asio::io_context& context, http::Upstream collector);
  ~OtlpExporter();
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  // Sends what waits, for two seconds at most, running the context: nobody else does any more.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace govctl
