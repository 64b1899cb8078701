#include "formats/onnx/image_trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;
using graph::Graph;
using graph::Node;
using graph::ValueId;
using Traces = std::map<ValueId, ImageTrace>;
/// One trace an output; empty where the step does more than to prepare the image.
using Traced = std::vector<ImageTrace>;

constexpr Index channel_axis = 1, most_channels = 4096;  // pieces of an image side by side are some tens

const HostTensor* numbers(const Graph& graph, ValueId id) {
  const HostTensor* tensor = graph.value(id).constant.get();
  return tensor && tensor->dtype() == DType::f32 ? tensor : nullptr;
}

std::size_t place_of(const ImageTrace& image, Index axis) {
  return static_cast<std::size_t>(std::ranges::find(image.axes, axis) - image.axes.begin());
}

/// Of a constant that broadcasts over the image: the largest number that meets each channel.
std::vector<double> by_channel(const HostTensor& constant, const ImageTrace& image) {
  const Shape& shape = constant.shape();
  const std::size_t missing = image.axes.size() - std::min(shape.rank(), image.axes.size());
  const std::size_t place = place_of(image, channel_axis);
  Index inner = 1, extent = 1;
  if (place >= missing && place - missing < shape.rank()) {
    extent = shape[place - missing];
    for (std::size_t i = place - missing + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  std::vector<double> largest(image.channels.size());
  for (Index i = 0; i < shape.elements(); ++i) {
    const double number = constant.as<float>()[i];
    const auto channel = static_cast<std::size_t>(i / inner % extent);
    for (std::size_t k = extent == 1 ? 0 : channel; k < (extent == 1 ? largest.size() : channel + 1); ++k)
      if (std::abs(number) > std::abs(largest.at(k))) largest.at(k) = number;
  }
  return largest;
}

void rescale(TracedChannel& channel, double scale, double shift) {
  channel.scale *= scale;
  channel.shift = channel.shift * scale + shift;
}

Traced binary(const Graph& graph, const Node& node, const graph::Binary& operation, const Traces& traces) {
  const std::size_t place = traces.contains(node.inputs[0]) ? 0 : 1;
  const HostTensor* other = numbers(graph, node.inputs[1 - place]);
  const bool keeps_shape = graph.value(node.outputs[0]).shape == graph.value(node.inputs[place]).shape;
  if (!other || !keeps_shape) return {};
  ImageTrace image = traces.at(node.inputs[place]);
  const std::vector<double> operand = by_channel(*other, image);
  for (std::size_t i = 0; i < operand.size(); ++i) {
    TracedChannel& channel = image.channels[i];
    switch (operation.kind) {
      case graph::Binary::Kind::add: rescale(channel, 1, operand[i]); break;
      case graph::Binary::Kind::mul: rescale(channel, operand[i], 0); break;
      case graph::Binary::Kind::sub:
        rescale(channel, place == 0 ? 1 : -1, place == 0 ? -operand[i] : operand[i]);
        break;
      case graph::Binary::Kind::div:
        if (place == 1) return {};
        rescale(channel, 1 / operand[i], 0);
        break;
    }
  }
  return {std::move(image)};
}

bool has_image_axes(const ImageTrace& image) { return image.axes == std::vector<Index>{0, 1, 2, 3}; }

Traced batch_norm(const Graph& graph, const Node& node, const graph::BatchNorm& operation,
                  const Traces& traces) {
  if (!traces.contains(node.inputs[0])) return {};
  ImageTrace image = traces.at(node.inputs[0]);
  const HostTensor* parts[4];
  for (std::size_t i = 0; i < 4; ++i) {
    parts[i] = numbers(graph, node.inputs[i + 1]);
    if (!parts[i] || parts[i]->shape().elements() != std::ssize(image.channels)) return {};
  }
  for (std::size_t i = 0; i < image.channels.size(); ++i) {
    const auto part = [&](std::size_t which) { return static_cast<double>(parts[which]->as<float>()[i]); };
    const double scale = part(0) / std::sqrt(part(3) + static_cast<double>(operation.epsilon));
    rescale(image.channels[i], scale, part(1) - part(2) * scale);
  }
  return has_image_axes(image) ? Traced{std::move(image)} : Traced{};
}

/// A 1x1 convolution whose every channel comes of one channel alone, and of which there are no more after it.
Traced channelwise(const Graph& graph, const Node& node, const graph::Conv& operation,
                   const ImageTrace& image) {
  const HostTensor* weight = numbers(graph, node.inputs[1]);
  const HostTensor* bias = node.inputs.size() > 2 ? numbers(graph, node.inputs[2]) : nullptr;
  const auto count = std::ssize(image.channels);
  if (!weight || !has_image_axes(image) || operation.stride != graph::Pair{1, 1} ||
      (node.inputs.size() > 2 && !bias))
    return {};
  const Shape& shape = weight->shape();
  if (shape[0] != count || shape[2] != 1 || shape[3] != 1) return {};
  ImageTrace result = image;
  for (Index k = 0; k < count; ++k) {
    const float* row = weight->as<float>() + k * shape[1];
    const auto is_used = [](float number) { return number != 0; };
    if (std::count_if(row, row + shape[1], is_used) != 1) return {};
    const Index used = std::find_if(row, row + shape[1], is_used) - row;
    const Index first = k / (count / operation.groups) * shape[1];  // of this channel's group
    TracedChannel& channel = result.channels[static_cast<std::size_t>(k)];
    channel = image.channels.at(static_cast<std::size_t>(first + used));
    rescale(channel, static_cast<double>(row[used]), bias ? static_cast<double>(bias->as<float>()[k]) : 0.0);
  }
  return {std::move(result)};
}

ImageTrace some_channels(const ImageTrace& image, Index start, Index end, Index step) {
  ImageTrace result{{}, image.axes};
  for (Index i = start; i < end; i += step)
    result.channels.push_back(image.channels.at(static_cast<std::size_t>(i)));
  return result;
}

Traced split(const graph::Split& operation, const ImageTrace& image) {
  Traced parts;
  Index start = 0;
  for (const Index size : operation.sizes) {
    const bool of_channels = image.axes.at(static_cast<std::size_t>(operation.axis)) == channel_axis;
    parts.push_back(of_channels ? some_channels(image, start, start + size, 1) : image);
    start += size;
  }
  return parts;
}

Traced concat(const Node& node, const graph::Concat& operation, const Traces& traces) {
  ImageTrace result;
  for (const ValueId input : node.inputs) {
    if (!traces.contains(input)) return {};
    const ImageTrace& part = traces.at(input);
    if (result.axes.empty()) {
      result = part;
    } else if (part.axes != result.axes) {
      return {};
    } else if (part.axes.at(static_cast<std::size_t>(operation.axis)) == channel_axis) {
      result.channels.insert(result.channels.end(), part.channels.begin(), part.channels.end());
    }
  }
  return std::ssize(result.channels) > most_channels ? Traced{} : Traced{std::move(result)};
}

Traced transpose(const graph::Transpose& operation, const ImageTrace& image) {
  ImageTrace result{image.channels, {}};
  for (const Index axis : operation.permutation)
    result.axes.push_back(image.axes.at(static_cast<std::size_t>(axis)));
  return {std::move(result)};
}

/// What a step makes of the image.
Traced step(const Graph& graph, const Node& node, const Traces& traces) {
  const bool first = traces.contains(node.inputs.front());
  if (const auto* operation = std::get_if<graph::Binary>(&node.operation))
    return binary(graph, node, *operation, traces);
  if (const auto* operation = std::get_if<graph::Concat>(&node.operation))
    return concat(node, *operation, traces);
  if (!first) return {};
  const ImageTrace& image = traces.at(node.inputs.front());
  const auto keeps = [&] { return Traced{image}; };
  return std::visit(
      graph::Overloaded{
          [&](const graph::Cast&) { return keeps(); },
          [&](const graph::Pool&) { return keeps(); },
          [&](const graph::Upsample&) { return keeps(); },
          [&](const graph::Reshape&) {
            return graph.value(node.inputs[0]).shape == graph.value(node.outputs[0]).shape ? keeps()
                                                                                           : Traced{};
          },
          [&](const graph::BatchNorm& operation) { return batch_norm(graph, node, operation, traces); },
          [&](const graph::Conv& operation) { return channelwise(graph, node, operation, image); },
          [&](const graph::Split& operation) { return split(operation, image); },
          [&](const graph::Slice& operation) {
            const bool of_channels = image.axes.at(static_cast<std::size_t>(operation.axis)) == channel_axis;
            return of_channels ? Traced{some_channels(image, operation.start, operation.end, operation.step)}
                               : keeps();
          },
          [&](const graph::Transpose& operation) { return transpose(operation, image); },
          [](const auto&) { return Traced{}; },
      },
      node.operation);
}

}  // namespace

std::vector<ImageTrace> images_of_first_convolutions(const Graph& graph) {
  Traces traces;
  ImageTrace& image = traces[graph.inputs().front()];
  image.axes = {0, 1, 2, 3};
  for (Index i = 0; i < graph.value(graph.inputs().front()).shape[1]; ++i)
    image.channels.push_back({.source = i});
  std::vector<ImageTrace> found;
  for (const Node& node : graph.nodes()) {
    if (std::ranges::none_of(node.inputs, [&](ValueId input) { return traces.contains(input); })) continue;
    const Traced results = step(graph, node, traces);
    for (std::size_t i = 0; i < results.size(); ++i) traces.insert_or_assign(node.outputs[i], results[i]);
    const bool reads =
        std::holds_alternative<graph::Conv>(node.operation) && traces.contains(node.inputs.front());
    if (reads && results.empty()) found.push_back(traces.at(node.inputs.front()));
  }
  return found;
}

}  // namespace peregrine::onnx
