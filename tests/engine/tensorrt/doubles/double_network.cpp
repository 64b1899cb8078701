#include "double_network.h"

namespace tensorrt_double {

std::unique_ptr<Tensor> make_tensor(const std::string& name, std::int32_t type, const Dims& dims) {
  static Table table{
      {2, +[](TensorState* self, const char* text) { self->name = text; }},
      {3, +[](TensorState* self) { return self->name.c_str(); }},
      {5, +[](TensorState* self) { return self->dims; }},
      {slot(7, 7, 6), +[](TensorState* self) { return self->type; }},
  };
  if (eight) {
    table.add(
        6, +[](TensorState* self, std::int32_t wanted) { self->type = wanted; });
    table.add(
        19, +[](TensorState*, std::uint32_t formats) {
          if (formats != 1) report_misuse("an input or output is not linear");
        });
  }
  auto tensor = std::make_unique<Tensor>();
  tensor->value.functions = table.slots;
  tensor->value.name = name;
  tensor->value.type = type;
  tensor->value.dims = dims;
  return tensor;
}

Layer* add_layer(NetworkState& network, const std::string& name, std::vector<std::unique_ptr<Tensor>> outputs,
                 std::vector<std::unique_ptr<Tensor>> inputs) {
  static Table table{
      {4, +[](LayerState* self) { return self->name.c_str(); }},
      {5, +[](LayerState* self) { return static_cast<std::int32_t>(self->inputs.size()); }},
      {6, +[](LayerState* self,
              std::int32_t index) { return self->inputs[static_cast<std::size_t>(index)].get(); }},
      {7, +[](LayerState* self) { return static_cast<std::int32_t>(self->outputs.size()); }},
      {8, +[](LayerState* self,
              std::int32_t index) { return self->outputs[static_cast<std::size_t>(index)].get(); }},
  };
  if (DOUBLE_VERSION / 100 != 85)
    table.add(
        slot(19, 19, 12), +[](LayerState* self) { return self->metadata.c_str(); });
  if (eight) {
    table.add(
        10, +[](LayerState* self, std::int32_t type) { self->wanted = type; });
    table.add(
        14, +[](LayerState* self, std::int32_t, std::int32_t type) {
          if (self->wanted != type) report_misuse("a layer gives another type than it computes in");
        });
  }
  auto& layer = network.layers.emplace_back(std::make_unique<Layer>());
  layer->value.functions = table.slots;
  layer->value.name = name;
  layer->value.metadata = "[ONNX Layer: " + name + "]";
  layer->value.outputs = std::move(outputs);
  layer->value.inputs = std::move(inputs);
  return layer.get();
}

Table& network_table() {
  static Table table{
      {2,
       +[](NetworkState* self, const char* name, std::int32_t type, DimsArgument dims) {
         return self->inputs.emplace_back(make_tensor(name, type, dims_of(dims))).get();
       }},
      {3, +[](NetworkState* self, Tensor* tensor) { self->outputs.push_back(tensor); }},
      {slot(6, 4, 4),
       +[](NetworkState* self, Tensor* input, std::int32_t) {
         std::vector<std::unique_ptr<Tensor>> outputs;
         outputs.push_back(make_tensor("relu", input->value.type, input->value.dims));
         return add_layer(*self, "relu", std::move(outputs));
       }},
      {slot(17, 12, 12), +[](NetworkState* self) { return static_cast<std::int32_t>(self->layers.size()); }},
      {slot(18, 13, 13),
       +[](NetworkState* self, std::int32_t index) {
         return self->layers[static_cast<std::size_t>(index)].get();
       }},
      {slot(19, 14, 14), +[](NetworkState* self) { return static_cast<std::int32_t>(self->inputs.size()); }},
      {slot(20, 15, 15),
       +[](NetworkState* self, std::int32_t index) {
         return self->inputs[static_cast<std::size_t>(index)].get();
       }},
      {slot(21, 16, 16), +[](NetworkState* self) { return static_cast<std::int32_t>(self->outputs.size()); }},
      {slot(22, 17, 17), +[](NetworkState* self,
                             std::int32_t index) { return self->outputs[static_cast<std::size_t>(index)]; }},
  };
  return table;
}

}  // namespace tensorrt_double
