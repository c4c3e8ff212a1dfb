#pragma once
// The environment of a program that calls through govd: what leads its SDKs to the gateway, and what would lead
// them around it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace govctl::cli {

struct Variable {
  std::string name, value;
};

// What SDKs read to call the gateway at `url` (http://127.0.0.1:4683) with `key`.
std::vector<Variable> gateway_variables(const std::string& url, const std::string& key);
// Their names; `govctl env --unset` takes them away again.
std::span<const std::string_view> gateway_variable_names();

// Providers' own keys, switches that lead a client to another endpoint, and govctl's own token: what a governed
// program does not get to see.
std::span<const std::string_view> provider_variables();

// Where the environment names an HTTP proxy: no_proxy with the gateway's host added, under both of its
// spellings. `environment` as execve() takes it.
std::vector<Variable> past_proxy(const std::vector<std::string>& environment, const std::string& url);

// `environment` without `removed`, with `set` in it. Both in the form of execve(): "NAME=value".
std::vector<std::string> with_changes(const std::vector<std::string>& environment,
                                      std::span<const std::string> removed, std::span<const Variable> set);
// The value of `name`, or empty.
std::string value_in(const std::vector<std::string>& environment, std::string_view name);
bool has(const std::vector<std::string>& environment, std::string_view name);

}  // namespace govctl::cli
