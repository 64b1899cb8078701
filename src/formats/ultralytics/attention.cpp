// Position-sensitive attention of YOLO11.
#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

namespace {

using Inputs = std::span<const ValueId>;

/// x [N,C,H,W]; with L = H*W and a head's q, k [kd,L] and v [hd,L] from the convolution qkv:
/// proj(v softmax(q' k * scale)' + pe(v)), the heads side by side.
ValueId lower_attention(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const Shape shape = lowering.shape(x);
  const std::int64_t heads = module.integer("num_heads"), key = module.integer("key_dim"),
                     value = module.integer("head_dim");
  const std::int64_t length = shape[2] * shape[3];

  const ValueId qkv = lowering.child(module, "qkv", x);
  const ValueId by_head =
      lowering.add(module, "heads", graph::Reshape{{shape[0], heads, 2 * key + value, length}}, {qkv});
  const std::vector<ValueId> parts =
      lowering.graph().add_node(module.path() + ".split", graph::Split{2, {key, key, value}}, {by_head});
  const ValueId query = lowering.add(module, "query", graph::Transpose{{0, 1, 3, 2}}, {parts[0]});
  const ValueId mixed = lowering.scaled_attention(module, query, parts[1], parts[2], module.number("scale"));

  const graph::Reshape as_map{{shape[0], heads * value, shape[2], shape[3]}};
  const ValueId mixed_map = lowering.add(module, "mixed_map", as_map, {mixed, x});
  const ValueId value_map = lowering.add(module, "value_map", as_map, {parts[2], x});
  const ValueId position = lowering.child(module, "pe", value_map);
  return lowering.child(module, "proj", lowering.sum(module, "add", mixed_map, position));
}

/// Attention, then a feed-forward part; each added to what it saw where `add`.
ValueId lower_psa_block(Lowering& lowering, const Module& module, Inputs inputs) {
  const bool residual = module.integer("add") != 0;
  const auto step = [&](const char* part, const char* sum, ValueId x) {
    const ValueId y = lowering.child(module, part, x);
    return residual ? lowering.sum(module, sum, x, y) : y;
  };
  return step("ffn", "add_ffn", step("attn", "add_attn", only(module, inputs)));
}

/// cv1 in two halves of `c` channels; `m` works on the second; cv2 sees both.
ValueId lower_c2psa(Lowering& lowering, const Module& module, Inputs inputs) {
  const std::int64_t half = module.integer("c");
  const std::vector<ValueId> parts =
      lowering.split_channels(module, {half, half}, lowering.child(module, "cv1", only(module, inputs)));
  const ValueId deep = lowering.child(module, "m", parts[1]);
  return lowering.child(module, "cv2", lowering.concat_channels(module, {parts[0], deep}));
}

constexpr ModuleEntry entries[] = {
    {{place::block, "Attention", {"num_heads head_dim key_dim scale", "", "qkv proj pe"}}, lower_attention},
    {{place::block, "PSABlock", {"add", "", "attn ffn"}}, lower_psa_block},
    {{place::block, "C2PSA", {"c", "", "cv1 cv2 m"}}, lower_c2psa},
};

}  // namespace

std::span<const ModuleEntry> attention_modules() { return entries; }

}  // namespace peregrine::ultralytics
