#pragma once
// An Answer as text, in every format (50-cli.md "Global").

#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/jq.h"
#include "cli/settings.h"

namespace govctl::cli {

// All of what goes to stdout. Fails only where --jq meets a value that its expression cannot take.
Result<std::string> render(const Answer& answer, const Settings& settings, bool out_is_tty, Jq* jq);
// "… 100 of 240 shown; --all for the rest", or a hint for an empty list on a terminal, or empty. `streamed`: so
// many items were printed before, and the answer has none.
std::string remark(const Answer& answer, const Settings& settings, bool err_is_tty,
                   std::optional<std::size_t> streamed = {});

// `{"error":{code,message,next,request_id}}` on one line, or the two lines for people.
std::string error_text(const Error& error, const std::string& request_id, bool json, bool color, bool with_id);

}  // namespace govctl::cli
