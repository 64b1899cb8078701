// Plain layers: torch.nn, and Ultralytics' Conv (convolution, normalisation, activation) and Concat.
#include <cmath>

#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

namespace {

using Inputs = std::span<const ValueId>;

ValueId lower_conv2d(Lowering& lowering, const Module& module, Inputs inputs) {
  return lowering.convolution(module, std::nullopt, only(module, inputs));
}

/// act(bn(conv(x))); a fused checkpoint has no bn, and its conv a bias.
ValueId lower_conv(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = lowering.convolution(stock_child(module, "conv", conv2d), module.find_child("bn"),
                                         only(module, inputs));
  return lowering.child(module, "act", x);
}

ValueId lower_identity(Lowering&, const Module& module, Inputs inputs) { return only(module, inputs); }

template <graph::Unary::Kind kind>
ValueId lower_activation(Lowering& lowering, const Module& module, Inputs inputs) {
  return lowering.add(module, "", graph::Unary{kind}, {only(module, inputs)});
}

ValueId lower_sequential(Lowering& lowering, const Module& module, Inputs inputs) {
  ValueId x = only(module, inputs);
  for (const Module& child : module.children()) x = lowering.module(child, x);
  return x;
}

ValueId lower_max_pool(Lowering& lowering, const Module& module, Inputs inputs) {
  return lowering.add(module, "", lowering.max_pool(module), {only(module, inputs)});
}

ValueId lower_upsample(Lowering& lowering, const Module& module, Inputs inputs) {
  const pickle::Value* mode = module.attribute("mode");
  const std::string* name = mode ? pickle::text(*mode) : nullptr;
  if (const pickle::Value* size = module.attribute("size"); size && !pickle::is_none(*size))
    throw unsupported_module(module, "enlarges to a fixed size");
  const double factor = module.number("scale_factor");
  if (factor != std::floor(factor) || factor < 1 || factor > 64)
    throw unsupported_module(module, "enlarges by a factor that is not whole");
  if (!name || (*name != "nearest" && *name != "bilinear"))
    throw unsupported_module(module, "has an unsupported interpolation");
  if (module.flag("align_corners", false)) throw unsupported_module(module, "aligns corners");
  const auto kind = *name == "nearest" ? graph::Upsample::Kind::nearest : graph::Upsample::Kind::bilinear;
  const auto whole = static_cast<std::int64_t>(factor);
  return lowering.add(module, "", graph::Upsample{kind, {whole, whole}}, {only(module, inputs)});
}

ValueId lower_concat(Lowering& lowering, const Module& module, Inputs inputs) {
  return lowering.add(module, "", graph::Concat{module.integer("d")}, {inputs.begin(), inputs.end()});
}

constexpr StockState conv_state{"", "", "conv bn act"}, activation_state{"inplace", "", ""};

constexpr ModuleEntry entries[] = {
    {conv2d, lower_conv2d},
    {conv_transpose2d, lower_conv2d},
    {{place::conv, "Conv", conv_state}, lower_conv},
    {{place::conv, "DWConv", conv_state}, lower_conv},
    {identity, lower_identity},
    {{place::torch_activation, "SiLU", activation_state}, lower_activation<graph::Unary::Kind::silu>},
    {{place::torch_activation, "ReLU", activation_state}, lower_activation<graph::Unary::Kind::relu>},
    {{place::torch_activation, "Sigmoid", {"", "", ""}}, lower_activation<graph::Unary::Kind::sigmoid>},
    {sequential, lower_sequential},
    {max_pool2d, lower_max_pool},
    {{"torch.nn.modules.upsampling",
      "Upsample",
      {"name size scale_factor mode align_corners recompute_scale_factor", "", ""}},
     lower_upsample},
    {{place::conv, "Concat", {"d", "", ""}}, lower_concat},
};

}  // namespace

std::span<const ModuleEntry> layer_modules() { return entries; }

}  // namespace peregrine::ultralytics
