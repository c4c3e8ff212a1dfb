#pragma once
#include <string_view>

namespace govctl {
constexpr std::string_view version = "0.1.0";
constexpr int api_major = 1;  // a daemon and a govctl of one major work together (40-control-api.md)
}  // namespace govctl
