#include "daemon/telemetry/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "daemon/telemetry/gen_ai.h"

namespace govctl::metrics {
namespace {

using domain::PriceKind;

constexpr std::array<std::string_view, stage_count> stage_words{"reserve", "settle", "journal", "commit"};
constexpr std::array<std::string_view, 4> dialects{"chat", "messages", "responses", "embeddings"};

std::string_view dialect_of(std::string_view dialect) {
  return std::ranges::find(dialects, dialect) == dialects.end() ? "other" : dialect;
}

using Label = std::pair<std::string_view, std::string_view>;

// A label's value: backslash, quote and line end are escaped, other control characters replaced.
void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
  }
}

// Whole microseconds as seconds, whole tokens as they are: no double on the way.
std::string number(std::int64_t value, bool seconds) {
  if (!seconds) return fmt::format("{}", value);
  std::string text = fmt::format("{}.{:06}", value / 1'000'000, value % 1'000'000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Writes families one after another.
class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void sample(std::initializer_list<Label> labels, std::string_view value) { line("", labels, {}, value); }
  void sample(std::initializer_list<Label> labels, std::int64_t value) {
    sample(labels, fmt::format("{}", value));
  }

  template <const auto& bounds>
  void histogram(std::initializer_list<Label> labels, const Histogram<bounds>& figures, bool seconds) {
    std::int64_t below = 0;
    for (std::size_t i = 0; i < figures.size; ++i) {
      below += figures.count_in(i);
      const std::string bound = i < bounds.size() ? number(bounds[i], seconds) : "+Inf";
      line("_bucket", labels, {"le", bound}, fmt::format("{}", below));
    }
    line("_sum", labels, {}, number(figures.sum(), seconds));
    line("_count", labels, {}, fmt::format("{}", below));
  }
  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, std::initializer_list<Label> labels, Label last, std::string_view value) {
    text_ += name_;
    text_ += suffix;
    char before = '{';
    const auto add = [&](const Label& label) {
      text_ += std::exchange(before, ',');
      text_ += label.first;
      text_ += "=\"";
      append_escaped(text_, label.second);
      text_ += '"';
    };
    for (const Label& label : labels) add(label);
    if (!last.first.empty()) add(last);
    if (before == ',') text_ += '}';
    text_ += ' ';
    text_ += value;
    text_ += '\n';
  }

  std::string text_;
  std::string_view name_;
};

}  // namespace

void Metrics::call_finished(const CallFigures& call) {
  const std::string_view provider = gen_ai::provider_of(call.provider);
  const std::string_view operation = gen_ai::operation_of(call.dialect);
  calls_.at({call.provider, dialect_of(call.dialect), domain::call_status_word(call.status)}).add();
  credits_.at({call.provider}).add(call.credits.value());
  auto& quantities = quantities_.at({call.provider});
  for (std::size_t i = 0; i < domain::price_kind_count; ++i) quantities[i].add(call.usage.quantity[i]);
  if (call.upstream_us) upstream_.at({call.provider}).observe(*call.upstream_us);

  duration_.at({operation, provider, call.model}).observe(call.duration_us);
  if (call.first_chunk_us) first_chunk_.at({operation, provider, call.model}).observe(*call.first_chunk_us);
  // A call without usage has used nothing that is known: no observation of 0.
  if (call.usage == domain::Usage{}) return;
  input_tokens_.at({operation, provider, call.model}).observe(call.usage.input_tokens());
  output_tokens_.at({operation, provider, call.model}).observe(call.usage.output_tokens());
}

void Metrics::refused(domain::Cause cause) { refusals_[static_cast<std::size_t>(cause)].add(); }

void Metrics::took(Stage stage, std::int64_t micros) {
  stages_[static_cast<std::size_t>(stage)].observe(std::max<std::int64_t>(0, micros));
}

std::string Metrics::text() const {
  Page page;
  const auto by_model = [&](const auto& family, const auto& write) {
    family.each([&](const auto& series) {
      write(Label{"gen_ai_operation_name", series.labels[0]}, Label{"gen_ai_provider_name", series.labels[1]},
            Label{"gen_ai_request_model", series.labels[2]}, series.figure);
    });
  };

  page.family("gen_ai_client_token_usage", "histogram",
              "Tokens of a call that went in, cached or not, and came out.");
  for (const auto& [family, type] :
       {std::pair{&input_tokens_, "input"}, std::pair{&output_tokens_, "output"}}) {
    by_model(*family, [&](Label operation, Label provider, Label model, const Tokens& tokens) {
      page.histogram({operation, provider, model, {"gen_ai_token_type", type}}, tokens, false);
    });
  }
  page.family("gen_ai_client_operation_duration_seconds", "histogram",
              "From a call's request to its answer's end.");
  by_model(duration_, [&](Label operation, Label provider, Label model, const CallTime& time) {
    page.histogram({operation, provider, model}, time, true);
  });
  page.family("gen_ai_client_operation_time_to_first_chunk_seconds", "histogram",
              "From a stream's request to its first chunk.");
  by_model(first_chunk_, [&](Label operation, Label provider, Label model, const CallTime& time) {
    page.histogram({operation, provider, model}, time, true);
  });

  page.family("govd_calls_total", "counter", "Calls that were sent to a provider.");
  calls_.each([&](const auto& series) {
    page.sample({{"provider", series.labels[0]}, {"dialect", series.labels[1]}, {"status", series.labels[2]}},
                series.figure.value());
  });
  page.family("govd_refusals_total", "counter", "Calls that were refused, by cause.");
  for (std::size_t i = 0; i < refusals_.size(); ++i) {
    page.sample({{"cause", domain::cause_word(static_cast<domain::Cause>(i))}}, refusals_[i].value());
  }
  page.family("govd_usage_total", "counter", "What was used, in the kinds that are priced.");
  quantities_.each([&](const auto& series) {
    for (std::size_t i = 0; i < domain::price_kind_count; ++i) {
      page.sample(
          {{"provider", series.labels[0]}, {"kind", domain::price_kind_word(static_cast<PriceKind>(i))}},
          series.figure[i].value());
    }
  });
  page.family("govd_credits_charged_total", "counter", "Credits that were charged.");
  credits_.each(
      [&](const auto& series) { page.sample({{"provider", series.labels[0]}}, series.figure.value()); });
  page.family("govd_upstream_duration_seconds", "histogram",
              "From sending a request to the upstream's last byte.");
  upstream_.each(
      [&](const auto& series) { page.histogram({{"provider", series.labels[0]}}, series.figure, true); });
  page.family("govd_stage_duration_seconds", "histogram", "Steps that write to the disk.");
  for (std::size_t i = 0; i < stage_count; ++i) page.histogram({{"stage", stage_words[i]}}, stages_[i], true);
  page.family("govd_calls_in_flight", "gauge", "Calls that hold a reservation.");
  page.sample({}, in_flight_.value());
  page.family("govd_write_queue_depth", "gauge", "Records and operations that wait to be written.");
  page.sample({{"queue", "journal"}}, journal_depth_.value());
  page.sample({{"queue", "writer"}}, writer_depth_.value());
  page.family("govd_spans_exported_total", "counter", "Spans of calls that a collector has taken.");
  page.sample({}, spans_exported_.value());
  page.family("govd_spans_dropped_total", "counter", "Spans that no collector took.");
  page.sample({}, spans_dropped_.value());
  return page.take();
}

Metrics& process() {
  static Metrics metrics;
  return metrics;
}

}  // namespace govctl::metrics
