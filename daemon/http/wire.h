#pragma once
// The text of an HTTP/1.1 head: names, values, dates (RFC 9110, RFC 9112).

#include <string>
#include <string_view>

#include "daemon/http/server.h"

namespace govctl::http {

bool iequals(std::string_view a, std::string_view b);
// tchar only, and not empty (RFC 9110 §5.6.2).
bool is_token(std::string_view text);
// "Not Found"; empty for a status without a name here.
std::string_view reason_phrase(int status);
// The first of that name in any case, or empty.
std::string_view find_header(const Headers& headers, std::string_view name);
// "name: value\r\n". A name that is no token is left out; CR, LF and NUL in the value become spaces, so that no
// value can end its line.
void append_header(std::string& head, std::string_view name, std::string_view value);
// "Sat, 21 Nov 2026 09:30:00 GMT", made anew once a second in each thread. Valid until this thread's next call.
std::string_view http_date();

}  // namespace govctl::http
