// Operators with weights or windows.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/advice.h"
#include "formats/finite.h"
#include "formats/onnx/read/operators.h"

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;
using Integers = std::vector<Index>;

graph::Pair pair(const Translation& t, std::string_view name, Index fallback) {
  const Integers values = t.node.integers(name, {fallback, fallback});
  if (values.size() != 2) refuse(fmt::format("{} in {} dimensions are not supported", name, values.size()));
  return {values[0], values[1]};
}

/// Windows move over height and width alone here.
void require_image(const Translation& t) {
  if (const Shape& x = t.shape(0); x.rank() != 4)
    refuse(
        fmt::format("an input of {} dimensions ({}) instead of 4 is not supported", x.rank(), to_string(x)));
}

constexpr Index sane = Index{1} << 20;  ///< of a kernel, a stride, a padding

/// What makes the output as large as the input divided by the stride, rounded up; the odd one goes to the
/// end, or with SAME_LOWER to the beginning.
std::array<Index, 4> same_pads(const Translation& t, const graph::Pair& kernel, bool lower) {
  const Shape& x = t.shape(0);
  const graph::Pair strides = pair(t, "strides", 1);
  if (pair(t, "dilations", 1) != graph::Pair{1, 1}) refuse("auto_pad with dilation is not supported");
  std::array<Index, 4> result{};
  if (x.rank() != 4) return result;  // refused by shape inference
  for (std::size_t i = 0; i < 2; ++i) {
    const Index extent = x[i + 2], stride = strides[i];
    if (kernel[i] < 1 || kernel[i] > sane || stride < 1 || stride > sane)
      throw Error("model.shape", "kernel or stride is out of range");
    const Index outputs = (extent + stride - 1) / stride;
    const Index total = std::max<Index>((outputs - 1) * stride + kernel[i] - extent, 0);
    result[i] = lower ? total - total / 2 : total / 2;
    result[i + 2] = total - result[i];
  }
  return result;
}

std::array<Index, 4> pads(const Translation& t, const graph::Pair& kernel) {
  const std::string mode = t.node.text("auto_pad", "NOTSET");
  if (mode == "VALID") return {0, 0, 0, 0};
  const bool lower = mode == "SAME_LOWER";
  if ((lower || mode == "SAME_UPPER") && t.node.proto().op_type() != "ConvTranspose")
    return same_pads(t, kernel, lower);
  if (mode != "NOTSET") refuse(fmt::format("auto_pad {} is not supported", mode));
  const Integers values = t.node.integers("pads", {0, 0, 0, 0});
  if (values.size() != 4) refuse(fmt::format("padding in {} dimensions is not supported", values.size() / 2));
  return {values[0], values[1], values[2], values[3]};
}

/// The window that a node names beside its weight is that of the weight.
void require_same_kernel(const Translation& t) {
  const Shape& weight = t.shape(1);
  if (weight.rank() != 4 || !t.node.has("kernel_shape")) return;
  if (t.node.integers("kernel_shape", {}) != Integers{weight[2], weight[3]})
    throw Error("model.damaged",
                fmt::format("its kernel_shape is not that of its weight {}", to_string(weight)));
}

graph::Pair kernel_of_weight(const Translation& t) {
  const Shape& weight = t.shape(1);
  return weight.rank() == 4 ? graph::Pair{weight[2], weight[3]} : graph::Pair{1, 1};  // refused later
}

/// With ceil_mode a last window may hang over the edge: the padding there that makes it fit. A window that
/// would begin in that padding does not count.
void extend_for_ceil_mode(const Shape& x, graph::Pool& pool) {
  for (std::size_t i = 0; i < 2; ++i) {
    const Index extent = x[i + 2], stride = pool.stride[i];
    const Index padded = extent + pool.pad[i] + pool.pad[i + 2];
    if (stride < 1 || padded < pool.kernel[i]) continue;  // refused by shape inference
    const Index rest = (padded - pool.kernel[i]) % stride;
    const Index last_start = padded - pool.kernel[i] - rest + stride;
    if (rest != 0 && last_start < extent + pool.pad[i]) pool.pad[i + 2] += stride - rest;
  }
}

OnnxValues pool(Translation& t, graph::Pool::Kind kind) {
  require_image(t);
  const graph::Pair kernel = pair(t, "kernel_shape", 0);
  graph::Pool pool{
      .kind = kind,
      .kernel = kernel,
      .stride = pair(t, "strides", 1),
      .pad = pads(t, kernel),
      .count_padding = kind == graph::Pool::Kind::average && t.node.integer("count_include_pad", 0) != 0};
  if (pair(t, "dilations", 1) != graph::Pair{1, 1}) refuse("dilated pooling is not supported");
  if (t.node.integer("storage_order", 0) != 0) refuse("storage_order is not supported");
  const auto insane = [&](Index value) { return value < 0 || value > sane; };
  if (std::ranges::any_of(pool.kernel, insane) || std::ranges::any_of(pool.stride, insane) ||
      std::ranges::any_of(pool.pad, insane))
    throw Error("model.shape", "kernel, stride or padding is out of range");
  if (t.node.integer("ceil_mode", 0) != 0 && t.shape(0).rank() == 4) {
    const auto before = pool.pad;
    extend_for_ceil_mode(t.shape(0), pool);
    if (pool.count_padding && pool.pad != before)
      refuse("ceil_mode together with count_include_pad is not supported");
  }
  return t.emit(pool, {t.input(0)});
}

/// Scales of Resize and Upsample, one a dimension: given, or those that make the wanted sizes.
std::vector<float> scales_of(const Translation& t) {
  const bool upsample = t.node.proto().op_type() == "Upsample";
  if (upsample && t.opset() < 9) return t.node.numbers("scales");
  const std::size_t place = upsample || t.opset() < 11 ? 1 : 2;
  if (t.has_input(place)) {
    const HostTensor scales = t.known(place, "the scale").to_f32();
    if (scales.shape().elements() > 0)
      return {scales.as<float>(), scales.as<float>() + scales.shape().elements()};
  }
  std::vector<float> result;
  const Integers sizes = t.integers(3);
  const Shape& x = t.shape(0);
  for (std::size_t i = 0; i < std::min(sizes.size(), x.rank()); ++i)
    result.push_back(static_cast<float>(sizes[i]) / static_cast<float>(x[i]));
  return result;
}

/// Whether "nearest" picks element i / factor (rounded down), which is what the graph's operator does.
bool picks_floor(const Translation& t, float factor) {
  if (t.opset() < 11) return true;  // the only meaning that Upsample and the first Resize had
  const std::string transform = t.node.text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = t.node.text("nearest_mode", "round_prefer_floor");
  const bool rounds = rounding == "round_prefer_floor" || rounding == "round_prefer_ceil";
  if (transform == "asymmetric")
    return rounding == "floor" || (rounding == "round_prefer_floor" && factor <= 2);
  // Half-pixel centres never lie half-way for a whole factor, so both ways of rounding agree.
  return (transform == "half_pixel" || transform == "pytorch_half_pixel") && rounds;
}

}  // namespace

OnnxValues conv(Translation& t) {
  require_image(t);
  require_same_kernel(t);
  const graph::Conv op{.stride = pair(t, "strides", 1),
                       .dilation = pair(t, "dilations", 1),
                       .pad = pads(t, kernel_of_weight(t)),
                       .groups = t.node.integer("group", 1)};
  return t.emit(op, t.inputs(2, 3));
}

OnnxValues conv_transpose(Translation& t) {
  require_image(t);
  require_same_kernel(t);
  if (pair(t, "dilations", 1) != graph::Pair{1, 1}) refuse("dilation is not supported");
  const graph::ConvTranspose op{.stride = pair(t, "strides", 1),
                                .pad = pads(t, kernel_of_weight(t)),
                                .output_pad = pair(t, "output_padding", 0),
                                .groups = t.node.integer("group", 1)};
  return t.emit(op, t.inputs(2, 3));
}

OnnxValues batch_norm(Translation& t) {
  if (t.node.integer("training_mode", 0) != 0)
    refuse("training mode is not supported", advice::evaluation_mode);
  if (t.node.integer("spatial", 1) != 1) refuse("statistics for each place (spatial = 0) are not supported");
  const float epsilon = t.node.number("epsilon", 1e-5f);
  if (const OnnxValue& variance = t.input(4); variance.known)
    require_variance(*variance.known, epsilon, variance.name);
  return t.emit(graph::BatchNorm{epsilon}, t.inputs(5, 5));
}

OnnxValues instance_norm(Translation& t) {
  return t.emit(graph::InstanceNorm{t.node.number("epsilon", 1e-5f)}, t.inputs(3, 3));
}

OnnxValues max_pool(Translation& t) { return pool(t, graph::Pool::Kind::max); }
OnnxValues average_pool(Translation& t) { return pool(t, graph::Pool::Kind::average); }
OnnxValues global_average_pool(Translation& t) {
  require_image(t);
  return t.emit(graph::GlobalAveragePool{}, {t.input(0)});
}

OnnxValues reduce_mean(Translation& t) {
  if (t.opset() >= 18 && t.node.has("axes"))
    throw Error("model.damaged", "its axes are an attribute, which they are no longer in this opset");
  Integers axes = t.has_input(1) ? t.integers(1) : t.node.integers("axes", {});
  const Shape& x = t.shape(0);
  for (Index& axis : axes) axis += axis < 0 ? static_cast<Index>(x.rank()) : 0;
  std::ranges::sort(axes);
  if (x.rank() != 4 || axes != Integers{2, 3})
    refuse("means over other axes than height and width are not supported");
  const OnnxValue mean = t.emit_one(graph::GlobalAveragePool{}, {t.input(0)});
  if (t.node.integer("keepdims", 1) != 0) return {mean};
  return t.emit(graph::Reshape{{x[0], x[1]}}, {mean});
}

OnnxValues resize(Translation& t) {
  if (t.node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    refuse("keep_aspect_ratio_policy is not supported");
  if (t.node.integer("antialias", 0) != 0) refuse("antialias is not supported");
  if (t.node.integer("exclude_outside", 0) != 0) refuse("exclude_outside is not supported");
  const std::vector<float> scales = scales_of(t);
  const auto enlarges = [](float scale) { return scale >= 1 && scale <= 64 && std::floor(scale) == scale; };
  if (scales.size() != 4 || scales[0] != 1 || scales[1] != 1 || !enlarges(scales[2]) || !enlarges(scales[3]))
    refuse("only whole factors for height and width are supported");
  graph::Upsample op{.factor = {static_cast<Index>(scales[2]), static_cast<Index>(scales[3])}};
  const std::string mode = t.node.text("mode", "nearest");
  const std::string transform = t.node.text("coordinate_transformation_mode", "half_pixel");
  if (mode == "linear" && t.opset() >= 11 && (transform == "half_pixel" || transform == "pytorch_half_pixel"))
    op.kind = graph::Upsample::Kind::bilinear;
  else if (mode != "nearest" || !picks_floor(t, std::max(scales[2], scales[3])))
    refuse(fmt::format("mode {} with {} coordinates is not supported", mode, transform));
  return t.emit(op, {t.input(0)});
}

OnnxValues softmax(Translation& t) {
  const Shape& x = t.shape(0);
  const Index rank = static_cast<Index>(x.rank());
  Index axis = t.node.integer("axis", t.opset() < 13 ? 1 : -1);
  if (axis < -rank || axis >= rank)
    throw Error("model.shape", fmt::format("axis {} does not exist in {}", axis, to_string(x)));
  axis += axis < 0 ? rank : 0;
  // Before opset 13 everything from the axis on is one long vector.
  if (t.opset() < 13 && std::any_of(x.begin() + axis + 1, x.end(), [](Index extent) { return extent != 1; }))
    refuse("softmax over several axes is not supported");
  return t.emit(graph::Softmax{axis}, {t.input(0)});
}

}  // namespace peregrine::onnx
