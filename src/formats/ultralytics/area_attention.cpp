// Area attention of YOLO12 (Tian et al., "YOLOv12: Attention-Centric Real-Time Object Detectors", 2025).
#include <cmath>

#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

namespace {

using Inputs = std::span<const ValueId>;

/// Attention within each of `area` equal runs of positions, row by row. A head's q, k and v lie together in
/// the channels of the convolution qkv: [N, heads, 3*d, areas, L]. proj(v softmax(q' k / sqrt(d))' + pe(v)).
ValueId lower_area_attention(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const Shape shape = lowering.shape(x);
  const std::int64_t heads = module.integer("num_heads"), depth = module.integer("head_dim"),
                     areas = module.integer("area");
  if (heads < 1 || depth < 1 || areas < 1)
    throw unsupported_module(module, "has unsupported numbers of heads or areas");
  const std::int64_t length = shape[2] * shape[3] / areas;

  const ValueId qkv = lowering.child(module, "qkv", x);
  const ValueId by_area =
      lowering.add(module, "areas", graph::Reshape{{shape[0], heads, 3 * depth, areas, length}}, {qkv});
  const std::vector<ValueId> parts =
      lowering.graph().add_node(module.path() + ".split", graph::Split{2, {depth, depth, depth}}, {by_area});
  const graph::Transpose area_first{{0, 1, 3, 2, 4}};  // its own inverse
  const ValueId query = lowering.add(module, "query", graph::Transpose{{0, 1, 3, 4, 2}}, {parts[0]});
  const ValueId key = lowering.add(module, "key", area_first, {parts[1]});
  const ValueId value = lowering.add(module, "value", area_first, {parts[2]});
  const ValueId mixed =
      lowering.scaled_attention(module, query, key, value, 1 / std::sqrt(static_cast<double>(depth)));
  const ValueId mixed_parts = lowering.add(module, "mixed_parts", area_first, {mixed});

  const graph::Reshape as_map{{shape[0], heads * depth, shape[2], shape[3]}};
  const ValueId mixed_map = lowering.add(module, "mixed_map", as_map, {mixed_parts, x});
  const ValueId value_map = lowering.add(module, "value_map", as_map, {parts[2], x});
  const ValueId position = lowering.child(module, "pe", value_map);
  return lowering.child(module, "proj", lowering.sum(module, "add", mixed_map, position));
}

/// Attention, then a feed-forward part, each added to what it saw.
ValueId lower_area_block(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const ValueId y = lowering.sum(module, "add_attn", x, lowering.child(module, "attn", x));
  return lowering.sum(module, "add_mlp", y, lowering.child(module, "mlp", y));
}

/// Each part of `m` works on the result before it; cv2 sees cv1 and all of them. With `gamma` (a factor a
/// channel) the result is a correction of x.
ValueId lower_area_c2f(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  std::vector<ValueId> parts{lowering.child(module, "cv1", x)};
  for (const Module& part : stock_child(module, "m", module_list).children())
    parts.push_back(lowering.module(part, parts.back()));
  const ValueId y = lowering.child(module, "cv2", lowering.concat_channels(module, std::move(parts)));
  if (const pickle::Value* plain = module.attribute("gamma"); plain && !pickle::is_none(*plain))
    throw unsupported_module(module, "has a gamma that is no parameter");
  if (!module.tensor("gamma")) return y;
  const ValueId gamma = lowering.parameter(module, "gamma");
  const ValueId by_channel =
      lowering.add(module, "gamma", graph::Reshape{{1, lowering.shape(gamma).elements(), 1, 1}}, {gamma});
  const ValueId scaled =
      lowering.add(module, "scaled", graph::Binary{graph::Binary::Kind::mul}, {y, by_channel});
  return lowering.sum(module, "add", x, scaled);
}

constexpr ModuleEntry entries[] = {
    {{place::block, "AAttn", {"area num_heads head_dim all_head_dim", "", "qkv proj pe"}},
     lower_area_attention},
    {{place::block, "ABlock", {"", "", "attn mlp"}}, lower_area_block},
    {{place::block, "A2C2f", {"gamma", "gamma", "cv1 cv2 m"}}, lower_area_c2f},
};

}  // namespace

std::span<const ModuleEntry> area_attention_modules() { return entries; }

}  // namespace peregrine::ultralytics
