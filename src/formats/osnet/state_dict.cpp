#include "formats/osnet/state_dict.h"

#include <fmt/format.h>

#include "formats/torch/tensor_reference.h"
#include "peregrine/error.h"

namespace peregrine::osnet {

namespace {

/// DataParallel and DistributedDataParallel put it in front of every name.
constexpr std::string_view wrapper = "module.";

}  // namespace

std::optional<StateDict> StateDict::find(const pickle::Value& root) {
  const pickle::Value* dict = pickle::find(root, "state_dict");
  StateDict state;
  for (const auto& [key, value] : pickle::entries(dict ? *dict : root)) {
    const std::string* name = pickle::text(key);
    if (!name || !torch::is_tensor(value)) continue;
    state.tensors_[name->starts_with(wrapper) ? name->substr(wrapper.size()) : *name] = &value;
  }
  return state.tensors_.empty() ? std::nullopt : std::optional(std::move(state));
}

std::vector<std::string> StateDict::names() const {
  std::vector<std::string> all;
  for (const auto& [name, value] : tensors_) all.push_back(name);
  return all;
}

const pickle::Value* StateDict::find_tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

const pickle::Value& StateDict::tensor(std::string_view name) const {
  const pickle::Value* found = find_tensor(name);
  if (!found)
    throw Error(
        "model.state", fmt::format("the checkpoint has no tensor '{}', which an OSNet needs", name),
        "Supported are OSNet, OSNet-IBN and OSNet-AIN as torchreid saves them; other models as .onnx.");
  return *found;
}

}  // namespace peregrine::osnet
