#pragma once
// What doctor finds, for others who tell of it.

#include "cli/session.h"

namespace govctl::cli {

struct Examination {
  Json checks = Json::array();  // {check, state, why, fix}
  bool sound = true;            // nothing that is to be mended
};
// Of a daemon that does not run; empty: the usual ones.
struct Places {
  std::optional<std::string> state_dir, keys_dir;
};
// `mend`: what is safe is mended on the way. `prove`: the ledgers are verified, too. Works without a daemon.
Examination examine(Session& s, bool mend, bool prove, const Places& places = {});
std::string examination_text(const Examination& examination, const Settings& settings);

}  // namespace govctl::cli
