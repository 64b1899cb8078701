// Bottlenecks, cross-stage blocks and pooling pyramids of YOLOv8 and YOLO11.
#include <fmt/format.h>

#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

namespace {

using Inputs = std::span<const ValueId>;

/// cv2(cv1(x)), plus x where `add`.
ValueId lower_bottleneck(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const ValueId y = lowering.child(module, "cv2", lowering.child(module, "cv1", x));
  return module.integer("add") != 0 ? lowering.sum(module, "add", x, y) : y;
}

/// cv1 in two halves of `c` channels; each part of `m` works on the result before it; cv2 sees all of them.
ValueId lower_c2f(Lowering& lowering, const Module& module, Inputs inputs) {
  const std::int64_t half = module.integer("c");
  std::vector<ValueId> parts =
      lowering.split_channels(module, {half, half}, lowering.child(module, "cv1", only(module, inputs)));
  for (const Module& part : stock_child(module, "m", module_list).children())
    parts.push_back(lowering.module(part, parts.back()));
  return lowering.child(module, "cv2", lowering.concat_channels(module, std::move(parts)));
}

/// cv1 in two halves of `c` channels; `m` works on the first; cv2 sees both.
ValueId lower_c2(Lowering& lowering, const Module& module, Inputs inputs) {
  const std::int64_t half = module.integer("c");
  const std::vector<ValueId> parts =
      lowering.split_channels(module, {half, half}, lowering.child(module, "cv1", only(module, inputs)));
  const ValueId deep = lowering.child(module, "m", parts[0]);
  return lowering.child(module, "cv2", lowering.concat_channels(module, {deep, parts[1]}));
}

/// cv3 of m(cv1(x)) and cv2(x).
ValueId lower_c3(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const ValueId deep = lowering.child(module, "m", lowering.child(module, "cv1", x));
  return lowering.child(module, "cv3",
                        lowering.concat_channels(module, {deep, lowering.child(module, "cv2", x)}));
}

/// cv2 of cv1(x) and its maximum over ever larger windows: one pooling, applied again and again.
ValueId lower_sppf(Lowering& lowering, const Module& module, Inputs inputs) {
  const ValueId x = only(module, inputs);
  const Module pool = stock_child(module, "m", max_pool2d);
  std::vector<ValueId> levels{lowering.child(module, "cv1", x)};
  const std::int64_t times = module.integer("n", 3);
  if (times < 1 || times > 16) throw unsupported_module(module, "has an unsupported count of poolings");
  for (std::int64_t i = 0; i < times; ++i)
    levels.push_back(lowering.add(pool, fmt::format("{}", i), lowering.max_pool(pool), {levels.back()}));
  const ValueId y = lowering.child(module, "cv2", lowering.concat_channels(module, std::move(levels)));
  return module.flag("add", false) ? lowering.sum(module, "add", y, x) : y;
}

/// cv2 of cv1(x) and its maxima over windows of several sizes.
ValueId lower_spp(Lowering& lowering, const Module& module, Inputs inputs) {
  std::vector<ValueId> levels{lowering.child(module, "cv1", only(module, inputs))};
  for (const Module& pool : stock_child(module, "m", module_list).children())
    levels.push_back(lowering.module(pool, levels.front()));
  return lowering.child(module, "cv2", lowering.concat_channels(module, std::move(levels)));
}

/// Prototypes of masks: cv3(cv2(upsample(cv1(x)))).
ValueId lower_proto(Lowering& lowering, const Module& module, Inputs inputs) {
  ValueId x = only(module, inputs);
  for (const char* part : {"cv1", "upsample", "cv2", "cv3"}) x = lowering.child(module, part, x);
  return x;
}

constexpr StockState split_state{"c", "", "cv1 cv2 m"}, branched_state{"", "", "cv1 cv2 cv3 m"};

constexpr ModuleEntry entries[] = {
    {{place::block, "Bottleneck", {"add", "", "cv1 cv2"}}, lower_bottleneck},
    {{place::block, "C2", split_state}, lower_c2},
    {{place::block, "C2f", split_state}, lower_c2f},
    {{place::block, "C3k2", split_state}, lower_c2f},
    {{place::block, "C3", branched_state}, lower_c3},
    {{place::block, "C3k", branched_state}, lower_c3},
    {{place::block, "SPPF", {"n add", "", "cv1 cv2 m"}}, lower_sppf},
    {{place::block, "SPP", {"", "", "cv1 cv2 m"}}, lower_spp},
    {{place::block, "Proto", {"", "", "cv1 upsample cv2 cv3"}}, lower_proto},
};

}  // namespace

std::span<const ModuleEntry> block_modules() { return entries; }

}  // namespace peregrine::ultralytics
