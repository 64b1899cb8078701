// A network of the double: what the parser fills and the builder reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "double_layout.h"

namespace tensorrt_double {

struct TensorState : Implementation {
  std::string name;
  std::int32_t type = half;
  Dims dims{};
};

/// Owned by the network: nobody destroys them.
struct Tensor {
  void* own = nullptr;
  TensorState* state = &value;
  TensorState value;
};

struct LayerState : Implementation {
  std::string name, metadata;
  std::vector<std::unique_ptr<Tensor>> outputs, inputs;
  std::int32_t wanted = -1;  ///< TensorRT 8: its precision and the type of each output; -1: not set
};
struct Layer {
  void* own = nullptr;
  LayerState* state = &value;
  LayerState value;
};

struct NetworkState : Implementation {
  std::vector<std::unique_ptr<Tensor>> inputs;
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<Tensor*> outputs;
  std::vector<std::unique_ptr<Tensor>> parsed_outputs;
  std::string file;
  bool parser_lives = false;
  bool has_plugins = false;
};
using Network = Api<NetworkState>;

std::unique_ptr<Tensor> make_tensor(const std::string& name, std::int32_t type, const Dims& dims = {});
Layer* add_layer(NetworkState& network, const std::string& name, std::vector<std::unique_ptr<Tensor>> outputs,
                 std::vector<std::unique_ptr<Tensor>> inputs = {});
Table& network_table();

}  // namespace tensorrt_double
