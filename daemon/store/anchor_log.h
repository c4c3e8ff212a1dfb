#pragma once
// The anchors outside the database: one line of JSON each, in a file that is only appended to. A crash may tear
// the last line; it is then not there.

#include <string>
#include <vector>

#include "daemon/store/verify.h"

namespace govctl::store {

std::optional<domain::ChainTable> chain_table_of(std::string_view name);
// <anchors_dir>/<org id>.log, or catalog.log.
std::string anchor_log_path(const std::string& anchors_dir, const OrgId& org);

struct AnchorLog {
  std::vector<Anchor> anchors;
  std::size_t whole_bytes = 0;  // up to the end of the last whole line
  bool torn = false;            // more follows them
  std::string fault;            // a whole line that is no anchor; empty: none
};
// An absent file has no anchors.
Result<AnchorLog> read_anchor_log(const std::string& path);
// One write, fsynced; the file and its name are on disk when this returns.
Result<void> append_anchor_log(const std::string& path, const std::vector<Anchor>& anchors);
Result<void> cut_anchor_log(const std::string& path, std::size_t bytes);

}  // namespace govctl::store
