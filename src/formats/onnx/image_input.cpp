#include "formats/onnx/image_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/input_check.h"
#include "formats/onnx/image_trace.h"
#include "formats/onnx/read/node_view.h"
#include "formats/onnx/tensors.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

constexpr const char* wanted =
    "Export the model with an input of N x 3 x height x width, float32 or float16, from 0 to 1.";

[[noreturn]] void refuse_input(std::string sentence) {
  throw Error("model.unsupported", std::move(sentence), wanted);
}

/// 0 for an extent that has a name instead of a number, or neither.
std::int64_t extent_of(const pb::TensorShapeProto::Dimension& dimension, const std::string& input) {
  constexpr std::int64_t most = 1 << 16;
  if (!dimension.has_dim_value()) return 0;
  if (dimension.dim_value() < 1 || dimension.dim_value() > most)
    throw Error("model.unsupported",
                fmt::format("the input '{}' has an extent of {}", input, dimension.dim_value()));
  return dimension.dim_value();
}

std::string as_text(const Shape& shape) {
  std::string text;
  for (const std::int64_t extent : shape)
    text += (text.empty() ? "" : " x ") + (extent == 0 ? std::string("any") : std::to_string(extent));
  return text;
}

const pb::ValueInfoProto& only_input(const pb::GraphProto& graph, const FindConstant& constant) {
  const pb::ValueInfoProto* image = nullptr;
  for (const pb::ValueInfoProto& input : graph.input()) {
    if (constant(input.name())) continue;  // old files list their weights as inputs
    if (image)
      throw Error("model.unsupported",
                  fmt::format("the model takes '{}' beside '{}'", input.name(), image->name()),
                  "Supported is one input, a batch of images.");
    image = &input;
  }
  if (!image) throw Error("model.damaged", "the ONNX file has no input");
  return *image;
}

void require_float(const pb::ValueInfoProto& input) {
  if (!input.type().has_tensor_type()) refuse_input(fmt::format("the input '{}' is no tensor", input.name()));
  const int type = input.type().tensor_type().elem_type();
  if (type == pb::TensorProto::FLOAT || type == pb::TensorProto::FLOAT16) return;
  refuse_input(fmt::format("the input '{}' takes {}, and Peregrine gives float32 numbers from 0 to 1",
                           input.name(), type_name(type)));
}

/// What follows the input until its first convolution, by name.
class FirstSteps {
 public:
  FirstSteps(const pb::GraphProto& graph, const FindConstant& constant, const std::string& input) {
    std::string name = input;
    constexpr int most_steps = 16;  // what prepares an image takes a few
    for (int steps = 0; steps < most_steps; ++steps) {
      const pb::NodeProto* next = reader_of(graph, name);
      if (!next) return;
      if (next->op_type() == "Transpose") {
        to_channels_first |= NodeView(*next).integers("perm", {}) == std::vector<std::int64_t>{0, 3, 1, 2};
      } else if (next->op_type() == "Conv") {
        const auto weight = next->input_size() > 1 ? constant(next->input(1)) : nullptr;
        if (weight && weight->shape().rank() == 4)
          channels = weight->shape()[1] * NodeView(*next).integer("group", 1);
        return;
      }
      if (next->output_size() == 0) return;
      name = next->output(0);
    }
  }

  bool to_channels_first = false;  ///< an image with the channels last is turned
  std::int64_t channels = 0;       ///< that the first convolution takes; 0: not known

 private:
  static const pb::NodeProto* reader_of(const pb::GraphProto& graph, const std::string& name) {
    constexpr std::array<std::string_view, 8> elementwise{"Add",  "Sub",      "Mul",       "Div",
                                                          "Cast", "Identity", "Transpose", "Conv"};
    for (const pb::NodeProto& node : graph.node())
      if (std::ranges::find(node.input(), name) != node.input().end() &&
          std::ranges::find(elementwise, node.op_type()) != elementwise.end())
        return &node;
    return nullptr;
  }
};

void require_channels(std::int64_t channels) {
  if (channels != image_channels) throw unsupported_channels(channels);
}

void require_numbers(const TracedChannel& channel) {
  // What brings 0..255 near 1 scales by 1/58 (a deviation of ImageNet) or less, or first takes off tens; what
  // brings -1..1 to 0..1 first adds 1.
  constexpr double largest_scale = 1.0 / 32, most_shift = 16, most_added = 0.25;
  const double shift = channel.scale == 0 ? 0 : channel.shift / channel.scale;
  if (std::abs(channel.scale) <= largest_scale || std::abs(shift) >= most_shift)
    refuse_input("the file scales its input itself, by " + fmt::format("{:.4g}", channel.scale) +
                 ": it takes numbers from 0 to 255, and Peregrine gives them from 0 to 1");
  if (shift > most_added)
    refuse_input(
        fmt::format("the file first adds {:.4g} to its input: it takes numbers around 0, and Peregrine "
                    "gives them from 0 to 1",
                    shift));
}

/// Whether a file that swaps them takes BGR, or takes RGB and was trained with BGR, it does not say.
void require_order(const ImageTrace& image) {
  std::vector<std::int64_t> order;
  for (const TracedChannel& channel : image.channels)
    if (std::ranges::find(order, channel.source) == order.end()) order.push_back(channel.source);
  if (!std::ranges::is_sorted(order))
    refuse_input(
        "the file reorders the colour channels of its input: it does not say whether it takes RGB, which "
        "Peregrine gives, or BGR");
  if (image.axes != std::vector<std::int64_t>{0, 1, 2, 3})
    refuse_input(
        "the file turns its input before its first convolution: it takes images that lie otherwise than "
        "N x 3 x height x width");
}

}  // namespace

ImageInput read_image_input(const pb::GraphProto& graph, const FindConstant& constant) {
  const pb::ValueInfoProto& input = only_input(graph, constant);
  require_float(input);
  ImageInput image{input.name(), {}};
  const auto& dimensions = input.type().tensor_type().shape();
  if (dimensions.dim_size() == 0)
    refuse_input(fmt::format("the input '{}' does not say its shape", input.name()));
  if (dimensions.dim_size() != 4)
    refuse_input(fmt::format("the input '{}' has {} dimensions instead of 4 and is no batch of images",
                             input.name(), dimensions.dim_size()));
  for (const auto& dimension : dimensions.dim()) image.shape.push_back(extent_of(dimension, input.name()));

  const FirstSteps steps(graph, constant, input.name());
  const auto counts_channels = [](std::int64_t extent) { return extent == 1 || extent == 3 || extent == 4; };
  const bool last = counts_channels(image.shape[3]) && !counts_channels(image.shape[1]);
  if (last || (image.shape[1] != 3 && steps.to_channels_first))
    refuse_input(fmt::format("the input '{}' is {}, images with the channels last (NHWC)", input.name(),
                             as_text(image.shape)));
  if (image.shape[1] != 0) require_channels(image.shape[1]);
  if (image.shape[1] == 0 && steps.channels != 0) require_channels(steps.channels);
  return image;
}

void check_input_use(const graph::Graph& graph, bool normalised) {
  for (const ImageTrace& image : images_of_first_convolutions(graph)) {
    require_order(image);
    for (const TracedChannel& channel : image.channels) {
      require_numbers(channel);
      if (normalised && (channel.scale != 1 || channel.shift != 0))
        throw Error(
            "model.unsupported",
            "the file normalises its input itself, and Peregrine gives ReID models what ImageNet's mean "
            "and deviation have normalised already",
            "Leave the normalisation out of the network that is exported.");
    }
  }
}

}  // namespace peregrine::onnx
