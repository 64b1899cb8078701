#include "formats/osnet/osnet_layers.h"

#include <fmt/format.h>

#include "peregrine/error.h"

namespace peregrine::osnet {

const pickle::Value& Layers::tensor(const std::string& name) {
  used_.insert(name);
  return state_.tensor(name);
}

const pickle::Value* Layers::find_tensor(const std::string& name) {
  used_.insert(name);
  return state_.find_tensor(name);
}

ValueId Layers::constant(const std::string& name, const Constant& tensor) {
  const auto known = constants_.find(name);
  return known != constants_.end()
             ? known->second
             : constants_.emplace(name, graph_.add_constant(name, tensor)).first->second;
}

std::vector<ValueId> Layers::affine(const std::string& name, const std::string& norm) {
  AffineSource source{&tensor(name + ".weight"), find_tensor(name + ".bias"), nullptr};
  BatchNormSource folded;
  if (has_batch_norm(norm)) {
    folded = {norm, find_tensor(norm + ".weight"), find_tensor(norm + ".bias"),
              &tensor(norm + ".running_mean"), &tensor(norm + ".running_var")};
    source.norm = &folded;
  }
  const Affine parameters = weights_.affine(name, source);
  std::vector<ValueId> inputs{constant(name + ".weight", parameters.weight)};
  if (parameters.bias) inputs.push_back(constant(name + ".bias", parameters.bias));
  return inputs;
}

ValueId Layers::convolution(const std::string& name, const std::string& norm, ValueId x, ConvWindow window) {
  std::vector<ValueId> inputs = affine(name, norm);
  const Shape& weight = graph_.value(inputs.front()).shape;
  if (weight.rank() != 4 || weight[2] != window.size || weight[3] != window.size)
    throw Error(
        "model.state",
        fmt::format("the tensor '{}.weight' is {}: in an OSNet that convolution is {} by {}", name,
                    to_string(weight), window.size, window.size),
        "Supported are OSNet, OSNet-IBN and OSNet-AIN as torchreid saves them; other models as .onnx.");
  const bool depthwise = weight[1] == 1 && weight[0] == graph_.value(x).shape[1];
  inputs.insert(inputs.begin(), x);
  const std::int64_t pad = window.pad;
  const ValueId y = graph_.add(
      name,
      graph::Conv{{window.stride, window.stride}, {1, 1}, {pad, pad, pad, pad}, depthwise ? weight[0] : 1},
      std::move(inputs));
  return norm.empty() || has_batch_norm(norm) ? y : instance_norm(norm, y);
}

ValueId Layers::conv_norm(const std::string& name, ValueId x, ConvWindow window) {
  return convolution(name + ".conv", name + ".bn", x, window);
}

ValueId Layers::conv_norm_relu(const std::string& name, ValueId x, ConvWindow window) {
  return relu(name + ".relu", conv_norm(name, x, window));
}

ValueId Layers::instance_norm(const std::string& name, ValueId x) {
  const auto parameter = [&](const std::string& part) {
    return constant(name + part, weights_.tensor(name + part, tensor(name + part)));
  };
  return graph_.add(name, graph::InstanceNorm{}, {x, parameter(".weight"), parameter(".bias")});
}

ValueId Layers::embedding(const std::string& name, ValueId x) {
  std::vector<ValueId> inputs = affine(name + ".0", name + ".1");
  inputs.insert(inputs.begin(), x);
  return relu(name + ".2", graph_.add(name + ".0", graph::Linear{}, std::move(inputs)));
}

ValueId Layers::relu(const std::string& name, ValueId x) {
  return graph_.add(name, graph::Unary{graph::Unary::Kind::relu}, {x});
}

ValueId Layers::add(const std::string& name, ValueId a, ValueId b) {
  return graph_.add(name, graph::Binary{graph::Binary::Kind::add}, {a, b});
}

ValueId Layers::gate(const std::string& name, const std::string& stream, ValueId x) {
  const std::string prefix = stream + ".gate";
  const auto layer = [&](const std::string& part, ValueId input) {
    std::vector<ValueId> inputs = affine(name + part, "");
    inputs.insert(inputs.begin(), input);
    return graph_.add(prefix + part, graph::Conv{}, std::move(inputs));
  };
  const ValueId mean = graph_.add(prefix + ".mean", graph::GlobalAveragePool{}, {x});
  const ValueId hidden = relu(prefix + ".relu", layer(".fc1", mean));
  const ValueId factor =
      graph_.add(prefix + ".sigmoid", graph::Unary{graph::Unary::Kind::sigmoid}, {layer(".fc2", hidden)});
  return graph_.add(prefix, graph::Binary{graph::Binary::Kind::mul}, {x, factor});
}

}  // namespace peregrine::osnet
