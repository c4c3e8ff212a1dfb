// Usage -> cost, worked out by hand, for each provider and each kind. Counts are primes and prices differ, so
// that a kind that is priced twice, at another kind's price or not at all changes the sum.

#include <catch2/catch.hpp>

#include "daemon/domain/pricing.h"

using namespace govctl;
using namespace govctl::domain;
using enum PriceKind;

namespace {

constexpr std::int64_t million = 1'000'000;

// USD per million tokens.
KindPrice per_million(PriceKind kind, const char* usd, std::int64_t from_tokens = 0) {
  return {kind, *Price::parse(usd), million, from_tokens};
}
KindPrice each(PriceKind kind, const char* usd) { return {kind, *Price::parse(usd), 1}; }

ModelPrice row(std::vector<KindPrice> prices) {
  ModelPrice made;
  made.prices = std::move(prices);
  return made;
}

Usage usage(std::initializer_list<std::pair<PriceKind, std::int64_t>> counts) {
  Usage used;
  for (const auto& [kind, count] : counts) used[kind] = count;
  return used;
}

std::string cost(const ModelPrice& price, const Usage& used) {
  const auto sum = cost_of(price, used);
  return sum ? sum->usd() : "none";
}

const ModelPrice sonnet =
    row({per_million(input, "3"), per_million(input, "6", 200'001), per_million(cache_read, "0.3"),
         per_million(cache_read, "0.6", 200'001), per_million(cache_write_5m, "3.75"),
         per_million(cache_write_5m, "7.5", 200'001), per_million(cache_write_1h, "6"),
         per_million(cache_write_1h, "12", 200'001), per_million(output, "15"),
         per_million(output, "22.5", 200'001), each(search, "0.01")});

const ModelPrice gemini_pro = row({per_million(input, "1.25"), per_million(input, "2.5", 200'001),
                                   per_million(cache_read, "0.125"), per_million(cache_read, "0.25", 200'001),
                                   per_million(output, "10"), per_million(output, "15", 200'001)});

}  // namespace

TEST_CASE("golden: openai") {
  // 1009 x 2.5 + 503 x 1.25 + 211 x 10 = 2522.5 + 628.75 + 2110
  CHECK(cost(row({per_million(input, "2.5"), per_million(cache_read, "1.25"), per_million(output, "10")}),
             usage({{input, 1009}, {cache_read, 503}, {output, 211}})) == "0.00526125");
  // 1009 x 1.25 + 503 x 0.125 + (211 + 97) x 10 = 1261.25 + 62.875 + 3080
  CHECK(cost(row({per_million(input, "1.25"), per_million(cache_read, "0.125"), per_million(output, "10")}),
             usage({{input, 1009}, {cache_read, 503}, {output, 211}, {reasoning, 97}})) == "0.004404125");
  // 11 x 2.5 + 13 x 40 + 17 x 10 + 19 x 80 = 27.5 + 520 + 170 + 1520
  CHECK(cost(row({per_million(input, "2.5"), per_million(output, "10"), per_million(audio_in, "40"),
                  per_million(audio_out, "80")}),
             usage({{input, 11}, {audio_in, 13}, {output, 17}, {audio_out, 19}})) == "0.0022375");
  // An embedding: 1013 x 0.02
  CHECK(cost(row({per_million(input, "0.02"), per_million(output, "0")}), usage({{input, 1013}})) ==
        "0.00002026");
}

TEST_CASE("golden: openai above 272,000 tokens of input, the cached ones counted") {
  const ModelPrice price = row({per_million(input, "5"), per_million(input, "10", 272'001),
                                per_million(cache_read, "0.5"), per_million(cache_read, "1", 272'001),
                                per_million(output, "30"), per_million(output, "45", 272'001)});
  // 271000 x 5 + 1000 x 0.5 + 7 x 30 = 1355000 + 500 + 210
  CHECK(cost(price, usage({{input, 271'000}, {cache_read, 1000}, {output, 7}})) == "1.35571");
  // One token more, and all of them cost the higher tier: 271001 x 10 + 1000 x 1 + 7 x 45
  CHECK(cost(price, usage({{input, 271'001}, {cache_read, 1000}, {output, 7}})) == "2.711325");
  // Output does not reach a tier.
  CHECK(cost(price, usage({{input, 1}, {output, 1'000'000}})) == "30.000005");
}

TEST_CASE("golden: anthropic, on bedrock and azure too") {
  // 101 x 3 + 1009 x 0.3 + 211 x 3.75 + 307 x 6 + 17 x 15 = 303 + 302.7 + 791.25 + 1842 + 255
  CHECK(cost(sonnet, usage({{input, 101},
                            {cache_read, 1009},
                            {cache_write_5m, 211},
                            {cache_write_1h, 307},
                            {output, 17}})) == "0.00349395");
  // 150001 x 6 + 30000 x 0.6 + 15000 x 7.5 + 5000 x 12 + 17 x 22.5 = 900006 + 18000 + 112500 + 60000 + 382.5
  CHECK(cost(sonnet, usage({{input, 150'001},
                            {cache_read, 30'000},
                            {cache_write_5m, 15'000},
                            {cache_write_1h, 5'000},
                            {output, 17}})) == "1.0908885");
  // 101 x 3 + 17 x 15 + 3 searches of a cent
  CHECK(cost(sonnet, usage({{input, 101}, {output, 17}, {search, 3}})) == "0.030558");
}

TEST_CASE("golden: google") {
  // 1009 x 1.25 + 503 x 0.125 + (211 + 97) x 10
  CHECK(cost(gemini_pro, usage({{input, 1009}, {cache_read, 503}, {output, 211}, {reasoning, 97}})) ==
        "0.004404125");
  // 199999 x 2.5 + 2 x 0.25 + (3 + 5) x 15 = 499997.5 + 0.5 + 120
  CHECK(cost(gemini_pro, usage({{input, 199'999}, {cache_read, 2}, {output, 3}, {reasoning, 5}})) ==
        "0.500118");
  // 100 x 0.3 + 700 x 1 + 11 x 2.5 = 30 + 700 + 27.5
  CHECK(cost(row({per_million(input, "0.3"), per_million(audio_in, "1"), per_million(output, "2.5")}),
             usage({{input, 100}, {audio_in, 700}, {output, 11}})) == "0.0007575");
}

TEST_CASE("golden: cohere, groq, mistral, together, openrouter: input and output") {
  struct Golden {
    const char *name, *in, *out, *usd;
  };
  // 1009 in, 211 out
  const Golden table[] = {{"cohere command-a", "2.5", "10", "0.0046325"},
                          {"groq llama-3.3-70b", "0.59", "0.79", "0.000762"},
                          {"mistral-small", "0.1", "0.3", "0.0001642"},
                          {"together Llama-3.3-70B", "0.88", "0.88", "0.0010736"},
                          {"openrouter kimi-k2", "0.55", "2.2", "0.00101915"}};
  for (const Golden& golden : table) {
    INFO(golden.name);
    CHECK(cost(row({per_million(input, golden.in), per_million(output, golden.out)}),
               usage({{input, 1009}, {output, 211}})) == golden.usd);
  }
}

TEST_CASE("golden: deepseek and xai, cached input") {
  // 1009 x 0.28 + 503 x 0.028 + 211 x 0.42 = 282.52 + 14.084 + 88.62
  CHECK(cost(row({per_million(input, "0.28"), per_million(cache_read, "0.028"), per_million(output, "0.42")}),
             usage({{input, 1009}, {cache_read, 503}, {output, 211}})) == "0.000385224");
  // 1009 x 3 + 503 x 0.75 + (211 + 97) x 15 = 3027 + 377.25 + 4620
  CHECK(cost(row({per_million(input, "3"), per_million(cache_read, "0.75"), per_million(output, "15")}),
             usage({{input, 1009}, {cache_read, 503}, {output, 211}, {reasoning, 97}})) == "0.00802425");
}

TEST_CASE("golden: perplexity, a fee for each request and for each search") {
  // 101 x 2 + 17 x 8 + 23 x 3 + 0.006 + 4 x 0.005 = 202 + 136 + 69 micro-dollars + 0.026
  CHECK(cost(row({per_million(input, "2"), per_million(output, "8"), per_million(reasoning, "3"),
                  each(request, "0.006"), each(search, "0.005")}),
             usage({{input, 101}, {output, 17}, {reasoning, 23}, {request, 1}, {search, 4}})) == "0.026407");
}

TEST_CASE("every kind is priced once: alone, and in the sum of all") {
  // Each kind has a digit of its own in the sum.
  ModelPrice price;
  Usage all;
  Int128 unit = 1;
  for (std::size_t i = 0; i < price_kind_count; ++i) {
    const auto kind = static_cast<PriceKind>(i);
    price.prices.push_back({kind, Price::of_e8(static_cast<std::int64_t>(unit)), 1});
    all[kind] = static_cast<std::int64_t>(i % 9 + 1);
    unit *= 10;
  }
  // Kinds in the order of the words: input 1, cache_read 2, … image 9, request 1, search 2.
  CHECK(cost(price, all) == "219.87654321");
  CHECK(cost(price, usage({{input, 7}})) == "0.00000007");
  CHECK(cost(price, usage({{cache_read, 7}})) == "0.0000007");
  CHECK(cost(price, usage({{cache_write_5m, 7}})) == "0.000007");
  CHECK(cost(price, usage({{cache_write_1h, 7}})) == "0.00007");
  CHECK(cost(price, usage({{output, 7}})) == "0.0007");
  CHECK(cost(price, usage({{reasoning, 7}})) == "0.007");
  CHECK(cost(price, usage({{audio_in, 7}})) == "0.07");
  CHECK(cost(price, usage({{audio_out, 7}})) == "0.7");
  CHECK(cost(price, usage({{image, 7}})) == "7");
  CHECK(cost(price, usage({{request, 7}})) == "70");
  CHECK(cost(price, usage({{search, 7}})) == "700");
}

TEST_CASE("a tier counts all input, whatever its kind; a kind without a row in it keeps its own price") {
  const ModelPrice price = row({per_million(input, "1"), per_million(input, "2", 100), per_million(output, "3"),
                                per_million(cache_read, "0.5"), per_million(reasoning, "9", 100)});
  CHECK(price_of(price, input, 99).price.text() == "1");
  CHECK(price_of(price, input, 100).price.text() == "2");
  CHECK(price_of(price, cache_read, 100).price.text() == "0.5");
  CHECK(price_of(price, cache_write_1h, 100).price.text() == "2");
  CHECK(price_of(price, reasoning, 99).price.text() == "3");  // its row is not reached: part of output
  CHECK(price_of(price, reasoning, 100).price.text() == "9");
  for (const PriceKind kind : {cache_write_5m, cache_write_1h, audio_in}) {
    // 60 x 2 + 40 x 2
    CHECK(cost(price, usage({{input, 60}, {kind, 40}})) == "0.0002");
  }
  // 60 x 2 + 40 x 0.5
  CHECK(cost(price, usage({{input, 60}, {cache_read, 40}})) == "0.00014");
}

TEST_CASE("the worst case takes the dearest tier that the input can reach") {
  // 200000 x 6 (an hour's cache write) + 100 x 15
  CHECK(worst_case(sonnet, 200'000, 100, 1)->usd() == "1.2015");
  // 200001 x 12 + 100 x 22.5
  CHECK(worst_case(sonnet, 200'001, 100, 1)->usd() == "2.402262");
  // A tier that is cheaper does not lower it: the call may stay below.
  const ModelPrice bulk = row({per_million(input, "4"), per_million(input, "1", 1000), per_million(output, "8"),
                               per_million(output, "2", 1000)});
  CHECK(worst_case(bulk, 5000, 1000, 1)->usd() == "0.028");
  // Whatever the call turns out to be, it is within its worst case.
  for (std::int64_t tokens = 199'000; tokens <= 201'000; tokens += 250) {
    for (const PriceKind kind : {input, cache_read, cache_write_5m, cache_write_1h}) {
      CHECK(*cost_of(sonnet, usage({{kind, tokens}, {output, 50}})) <= *worst_case(sonnet, 201'000, 50, 1));
    }
  }
}
