#pragma once
// How a control API type maps to JSON. A type lists its fields once:
//
//   struct Workspace {
//     std::string path;
//     std::optional<std::string> description;
//     static constexpr auto fields() {
//       return std::tuple{field("path", &Workspace::path, "acme/prod"), …};
//     }
//   };
//
// and encode<T>(), decode<T>() and schema<T>() follow from that list, so that the wire, the strict reading of
// requests and the OpenAPI page cannot drift. Decoding refuses unknown fields, duplicate keys (parse_strict)
// and wrong types, naming the field. A plain member is required; std::optional and Patch may be absent.

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "common/error.h"

namespace govctl::api {

using Json = nlohmann::ordered_json;

template <class Owner, class Member>
struct Field {
  std::string_view name;
  Member Owner::* member;
  std::string_view doc;
};
template <class Owner, class Member>
constexpr Field<Owner, Member> field(std::string_view name, Member Owner::* member, std::string_view doc = {}) {
  return {name, member, doc};
}

// A change to a value that can also be cleared: absent = leave it, null = clear it, else set it.
template <class T>
struct Patch {
  bool present = false;
  std::optional<T> value;
};

template <class T>
concept Described = requires { T::fields(); };

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_patch : std::false_type {};
template <class T>
struct is_patch<Patch<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

// Parses text as JSON, refusing duplicate keys at any level and nesting deeper than 64.
Result<Json> parse_strict(std::string_view text);
// An Error naming `name`'s nearest relative among `known`.
Error unknown_field(std::string_view name, const std::vector<std::string_view>& known);
Error wrong_type(std::string_view field, std::string_view expected, const Json& got);

template <class T>
Json encode(const T& value) {
  if constexpr (Described<T>) {
    Json object = Json::object();
    std::apply(
        [&](const auto&... f) {
          (
              [&] {
                const auto& member = value.*(f.member);
                using Member = std::remove_cvref_t<decltype(member)>;
                if constexpr (is_patch<Member>::value) {
                  if (member.present)
                    object[std::string(f.name)] = member.value ? encode(*member.value) : Json();
                } else {
                  object[std::string(f.name)] = encode(member);
                }
              }(),
              ...);
        },
        T::fields());
    return object;
  } else if constexpr (is_optional<T>::value) {
    return value ? encode(*value) : Json();
  } else if constexpr (is_vector<T>::value) {
    Json array = Json::array();
    for (const auto& item : value) array.push_back(encode(item));
    return array;
  } else {
    return Json(value);
  }
}

template <class T>
Result<void> decode_into(const Json& json, std::string_view name, T& out) {
  if constexpr (Described<T>) {
    if (!json.is_object()) return std::unexpected(wrong_type(name, "an object", json));
    std::vector<std::string_view> known;
    std::apply([&](const auto&... f) { (known.push_back(f.name), ...); }, T::fields());
    for (const auto& [key, ignored] : json.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        return std::unexpected(unknown_field(key, known));
    }
    Result<void> result;
    std::apply(
        [&](const auto&... f) {
          (
              [&] {
                if (!result) return;
                auto& member = out.*(f.member);
                using Member = std::remove_cvref_t<decltype(member)>;
                const auto found = json.find(f.name);
                if (found != json.end()) {
                  result = decode_into(*found, f.name, member);
                } else if constexpr (!is_optional<Member>::value && !is_patch<Member>::value) {
                  result = fail(Code::invalid, fmt::format("field '{}' is missing", f.name));
                }
              }(),
              ...);
        },
        T::fields());
    return result;
  } else if constexpr (is_optional<T>::value) {
    if (json.is_null()) {
      out.reset();
      return {};
    }
    return decode_into(json, name, out.emplace());
  } else if constexpr (is_patch<T>::value) {
    out.present = true;
    if (json.is_null()) {
      out.value.reset();
      return {};
    }
    return decode_into(json, name, out.value.emplace());
  } else if constexpr (is_vector<T>::value) {
    if (!json.is_array()) return std::unexpected(wrong_type(name, "an array", json));
    out.clear();
    for (const auto& item : json) {
      typename T::value_type element{};
      if (auto ok = decode_into(item, name, element); !ok) return ok;
      out.push_back(std::move(element));
    }
    return {};
  } else if constexpr (std::same_as<T, Json>) {
    out = json;
    return {};
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_boolean()) return std::unexpected(wrong_type(name, "true or false", json));
    out = json.template get<bool>();
    return {};
  } else if constexpr (std::same_as<T, std::int64_t>) {
    if (!json.is_number_integer() ||
        (json.is_number_unsigned() && json.template get<std::uint64_t>() > std::uint64_t{INT64_MAX})) {
      return std::unexpected(wrong_type(name, "a whole number", json));
    }
    out = json.template get<std::int64_t>();
    return {};
  } else {
    static_assert(std::same_as<T, std::string>, "a type that the wire does not carry");
    if (!json.is_string()) return std::unexpected(wrong_type(name, "a string", json));
    out = json.template get<std::string>();
    return {};
  }
}

template <class T>
Result<T> decode(const Json& json) {
  T value{};
  if (auto ok = decode_into(json, "body", value); !ok) return std::unexpected(ok.error());
  return value;
}

Json nullable(Json schema);

// JSON Schema (2020-12) of T, inline.
template <class T>
Json schema() {
  if constexpr (Described<T>) {
    Json properties = Json::object();
    Json required = Json::array();
    std::apply(
        [&](const auto&... f) {
          (
              [&] {
                using Member = std::remove_cvref_t<decltype(std::declval<T>().*(f.member))>;
                Json property = schema<Member>();
                if (!f.doc.empty()) property["description"] = f.doc;
                properties[std::string(f.name)] = std::move(property);
                if constexpr (!is_optional<Member>::value && !is_patch<Member>::value)
                  required.push_back(f.name);
              }(),
              ...);
        },
        T::fields());
    Json object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
    if (!required.empty()) object["required"] = required;
    return object;
  } else if constexpr (is_optional<T>::value) {
    return nullable(schema<typename T::value_type>());
  } else if constexpr (is_patch<T>::value) {
    return nullable(schema<typename decltype(T::value)::value_type>());
  } else if constexpr (is_vector<T>::value) {
    return Json{{"type", "array"}, {"items", schema<typename T::value_type>()}};
  } else if constexpr (std::same_as<T, Json>) {
    return Json::object();
  } else if constexpr (std::same_as<T, bool>) {
    return Json{{"type", "boolean"}};
  } else if constexpr (std::same_as<T, std::int64_t>) {
    return Json{{"type", "integer"}, {"format", "int64"}};
  } else {
    return Json{{"type", "string"}};
  }
}
template <class T>
struct List {
  std::vector<T> items;
  std::optional<std::string> next;  // cursor of the next page
  std::int64_t total = 0;
  static constexpr auto fields() {
    return std::tuple{field("items", &List::items),
                      field("next", &List::next, "cursor of the next page, or null"),
                      field("total", &List::total)};
  }
};

}  // namespace govctl::api
