#pragma once
// `pricing import` and `pricing diff`; pricing.cpp has their rows.

#include "cli/command.h"

namespace govctl::cli {

Action import_prices(Arguments& arguments);
// Exit 0: nothing would change; 2: something would.
Action diff_prices(Arguments& arguments);

}  // namespace govctl::cli
