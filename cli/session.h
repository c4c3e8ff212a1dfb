#pragma once
// One run of one command: its settings, the daemon, and the habits that commands share.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/paging.h"
#include "cli/settings.h"
#include "cli/terminal.h"
#include "common/resource_path.h"

namespace govctl::cli {

class Session {
 public:
  Session(Settings settings, Terminal& terminal, std::vector<std::string> words);

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] Terminal& terminal() const { return terminal_; }
  // What an error is found by: the last request's id, or that of the agent's call that the command is about.
  [[nodiscard]] const std::string& request_id() const {
    return concern_.empty() ? client_.request_id() : concern_;
  }
  void concerns(std::string request_id) { concern_ = std::move(request_id); }

  Result<Json> get(std::string path, Query query = {});
  // What makes the daemon read whole files: ten minutes unless --timeout says otherwise.
  Result<Json> get_slowly(std::string path, Query query);
  // Writes; --dry-run goes along.
  Result<Json> post(std::string path, std::optional<Json> body, Query query = {});
  // The same of what may take long: ten minutes unless --timeout says otherwise.
  Result<Json> post_slowly(std::string path, std::optional<Json> body);
  Result<Json> patch(std::string path, Json body, const std::optional<std::string>& if_version = {});
  Result<Json> put(std::string path, Json body);
  Result<Json> remove(std::string path, Query query = {});
  // A POST that moves money: its Idempotency-Key is `key`, or minted for this run, and survives a repetition.
  Result<Json> post_money(std::string path, Json body, const std::optional<std::string>& key);
  Result<void> stream(std::string path, const std::function<bool(std::string_view)>& sink);
  // The body that answers a POST, in pieces.
  Result<void> post_stream(std::string path, Query query, const std::function<bool(std::string_view)>& sink);
  // The list that the user asked for, as one list object; "next" is null when it is complete. With -o jsonl its
  // items are printed as they come, and it is empty: streamed() counts them.
  Result<Json> list(const std::string& path, const Query& query, const Paging& paging);
  // A list that was put together here, as the user asked for it.
  Result<Json> shaped(Result<Json> whole, const Paging& paging);
  // All of its pages, or the first `wanted` items.
  Result<Json> list(const std::string& path, const Query& query, std::optional<std::size_t> wanted);

  // How many items of a list have been printed already; empty: none of it is streamed.
  [[nodiscard]] std::optional<std::size_t> streamed() const { return streamed_; }
  // Prints every item of a list as a JSON line, as they come.
  Result<void> stream_list(const std::string& path, const Query& query);
  // Whether the list is to be looked at again and again: redrawn on a terminal, or gone on with.
  enum class Again { no, redrawn, appended };
  [[nodiscard]] Again again() const { return again_; }
  void follow() { again_ = Again::appended; }

  // What the user wrote for a path, completed from GOVCTL_ORG when it starts with '/', and checked to be of one
  // of the `levels`. An id passes as it is.
  Result<std::string> path(std::string_view text, std::initializer_list<Level> levels) const;
  Result<std::string> org(std::string_view text) const { return path(text, {Level::org}); }

  // Before `what` ("delete the org acme") is done: passes with -y or --dry-run, asks on a terminal, else
  // refuses.
  Result<void> confirm(std::string_view what) const;
  // A line on stderr; not with -q.
  void note(std::string_view line) const;
  // The command as it was typed, with `more` behind it.
  [[nodiscard]] std::string invocation(std::string_view more) const;

 private:
  Result<Json> write(std::string_view method, std::string path, std::optional<Json> body, Query query,
                     std::string if_match = {}, std::string key = {});
  using Take = std::function<void(Json&&)>;
  Result<Json> pages(const std::string& path, const Query& query, std::optional<std::size_t> wanted,
                     const Take& take);
  Settings settings_;
  Terminal& terminal_;
  std::vector<std::string> words_;
  std::string concern_;
  Client client_;
  std::optional<std::size_t> streamed_;
  Again again_ = Again::no;
};

bool is_id(std::string_view text);
// The instant that --since or --until name, as the API takes it: RFC 3339, or a duration such as 24h. Refuses
// the rest.
Result<void> check_instant(std::string_view option, const std::optional<std::string>& text);
// A request's body without what was not given.
Json without_nulls(Json object);
// Adds the value to the query when it is there.
void add(Query& query, std::string_view name, const std::optional<std::string>& value);

}  // namespace govctl::cli
