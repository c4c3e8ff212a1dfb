// The prices that come with the program: complete, and never in the way of an administrator's own.

#include <set>

#include "daemon/domain/pricing.h"
#include "daemon/store/catalog.h"
#include "fixture.h"

namespace govctl::store::test {
namespace {

std::unique_ptr<Connection> brought_up(const std::string& path, int newest) {
  std::vector<Migration> known;
  for (const Migration& migration : migrations()) {
    if (migration.number <= newest) known.push_back(migration);
  }
  auto connection = Connection::open(path, Access::write);
  REQUIRE(connection);
  REQUIRE(migrate(**connection, path, FileKind::catalog, known));
  return std::move(*connection);
}

const domain::KindPrice* base(const domain::ModelPrice& model, domain::PriceKind kind) {
  for (const auto& price : model.prices) {
    if (price.kind == kind && price.from_tokens == 0) return &price;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("every price that ships has its source and day, an input and an output, and tiers above a base") {
  const Scratch scratch;
  const auto connection = brought_up(scratch.file("catalog.db"), 1000);
  const auto platform = load_platform(*connection);
  REQUIRE(platform);
  std::set<std::string> providers;
  for (const auto& model : platform->models) {
    INFO(model.provider << '/' << model.model);
    providers.insert(model.provider);
    CHECK_FALSE(model.source.empty());
    CHECK(model.as_of.micros > 0);
    REQUIRE(base(model, domain::PriceKind::input) != nullptr);
    REQUIRE(base(model, domain::PriceKind::output) != nullptr);
    CHECK(base(model, domain::PriceKind::input)->price.e8() > 0);
    for (const auto& price : model.prices) {
      const bool each = price.kind == domain::PriceKind::request || price.kind == domain::PriceKind::search;
      CHECK((price.unit == 1) == each);
      if (price.from_tokens > 0) {
        const auto* below = base(model, price.kind);
        REQUIRE(below != nullptr);
        CHECK(price.price > below->price);
      }
    }
    // The longest call that it takes has a worst case in 64-bit credits.
    if (model.context_window && model.max_output_tokens) {
      const auto worst = domain::worst_case(model, *model.context_window, *model.max_output_tokens, 1);
      REQUIRE(worst);
      CHECK(worst->credits(max_credits_per_usd));
    }
  }
  for (const char* name : {"openai", "anthropic", "google", "azure", "bedrock", "cohere", "groq", "mistral",
                           "perplexity", "openrouter", "together", "deepseek", "xai", "mock"}) {
    CHECK(providers.contains(name));
  }
}

TEST_CASE("an installation gets the new prices, and keeps what its administrator has set or deleted") {
  const Scratch scratch;
  const std::string path = scratch.file("catalog.db");
  {
    const auto connection = brought_up(path, 1);
    connection->database().exec(
        "UPDATE models SET version = 2, source = 'contract 7' WHERE model = 'gpt-4o';"
        "UPDATE prices SET price = '0.001' WHERE model = 'gpt-4o' AND kind = 'input';"
        "DELETE FROM models WHERE model = 'gpt-4-turbo';"
        "INSERT INTO settings VALUES ('price-version:openai/gpt-4-turbo', '1');"
        "INSERT INTO models(provider, model, source, as_of, updated_at)"
        " VALUES ('anthropic', 'claude-haiku-4-5', 'manual', 1, 1)");
  }
  const auto connection = brought_up(path, 1000);
  const auto own = find_model(*connection, "openai", "gpt-4o");
  REQUIRE(own);
  REQUIRE(*own);
  CHECK((*own)->version == 2);
  CHECK((*own)->source == "contract 7");
  REQUIRE((*own)->prices.size() == 2);
  CHECK((*own)->prices[0].price.text() == "0.001");
  CHECK_FALSE(*find_model(*connection, "openai", "gpt-4-turbo"));
  CHECK((*find_model(*connection, "anthropic", "claude-haiku-4-5"))->prices.empty());

  // One that nobody had touched has its new price as a new version.
  const auto mini = find_model(*connection, "openai", "gpt-4o-mini");
  REQUIRE(mini);
  REQUIRE(*mini);
  CHECK((*mini)->version == 2);
  REQUIRE((*mini)->prices.size() == 3);
  CHECK((*mini)->prices[1].kind == domain::PriceKind::cache_read);
  CHECK((*mini)->prices[1].price.text() == "0.075");
  CHECK((*mini)->prices[1].unit == 1'000'000);
  CHECK(*find_model(*connection, "anthropic", "claude-sonnet-4-5"));
}

}  // namespace govctl::store::test
