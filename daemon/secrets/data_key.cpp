#include "daemon/secrets/envelope.h"

namespace govctl::secrets {
namespace {

Additional additional(const Binding& binding) {
  Additional data("govctl credential 1");  // 1: the format's version
  data.uuid(binding.org.bytes).text(binding.provider).uuid(binding.row).integer(binding.data_key_id);
  return data;
}

}  // namespace

std::vector<std::uint8_t> DataKey::seal(const Secret& plain, const Binding& binding) const {
  return secrets::seal(key_, plain.bytes(), additional(binding).bytes());
}

Result<Secret> DataKey::open(std::span<const std::uint8_t> sealed, const Binding& binding) const {
  return secrets::open(key_, sealed, additional(binding).bytes());
}

}  // namespace govctl::secrets
