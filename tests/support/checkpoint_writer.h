// Writes files of torch.save from C++: pickles from opcodes, tensors, archives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peregrine::test {

/// Pieces of a protocol 2 pickle; concatenate them.
std::string pickle_text(std::string_view text);
std::string pickle_integer(std::int32_t value);
std::string pickle_tuple(const std::vector<std::string>& items);
std::string pickle_global(std::string_view module, std::string_view name);
std::string pickle_call(const std::string& callee, const std::vector<std::string>& arguments);
std::string pickle_dict(const std::vector<std::pair<std::string, std::string>>& entries);
/// PROTO 2, the value, STOP.
std::string pickle(const std::string& value);

/// What a FP32 tensor may claim of itself; strides are row-major where none are given.
struct TensorClaim {
  std::string storage = "0";
  std::int32_t storage_elements = 0, offset = 0;
  std::vector<std::int32_t> shape, strides = {};
  std::string storage_type = "FloatStorage";
};
std::string pickle_tensor(const TensorClaim& claim);

struct NamedTensor {
  std::string name;
  std::vector<std::int32_t> shape;
  std::vector<float> values;
};

/// An archive of torch.save: the pickle of an object and its storages "0", "1", ...
std::string write_checkpoint(const std::string& pickled, const std::vector<std::string>& storages);
/// A state dict of FP32 tensors; keys get the prefix, and the dict lies under `wrapper` unless that is empty.
std::string write_state_dict(const std::vector<NamedTensor>& tensors, const std::string& prefix,
                             const std::string& wrapper);

}  // namespace peregrine::test
