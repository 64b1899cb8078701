#include "formats/head_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/task/task_traits.h"
#include "graph/head.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

constexpr const char* hint = "The file is damaged or not supported.";

const Shape& shape_of(const graph::Graph& graph, const std::string& output) {
  const auto found = std::ranges::find(graph.output_names(), output);
  if (found == graph.output_names().end())
    throw Error("model.head", fmt::format("the head has no output '{}'", output), hint);
  return graph.value(graph.outputs()[static_cast<std::size_t>(found - graph.output_names().begin())]).shape;
}

void require_channels(const graph::Graph& graph, const std::string& output, std::int64_t channels) {
  const Shape& shape = shape_of(graph, output);
  if (shape.rank() != 4 || shape[1] != channels)
    throw Error("model.head",
                fmt::format("the head gives {} as '{}' where {} channels are due", to_string(shape), output,
                            channels),
                hint);
}

/// The channels, and as many cells as there are steps of the stride in the input.
void require_level(const graph::Graph& graph, const std::string& output, std::int64_t channels,
                   std::int64_t stride) {
  require_channels(graph, output, channels);
  const Shape &input = graph.value(graph.inputs().front()).shape, &map = shape_of(graph, output);
  if (map[2] * stride != input[2] || map[3] * stride != input[3])
    throw Error("model.head",
                fmt::format("the output '{}' of the head is {}, which does not fit its stride of {}", output,
                            to_string(map), stride),
                hint);
}

}  // namespace

void check_head(const graph::Graph& graph, const ModelInfo& info) {
  const TaskTraits& traits = traits_of(info);
  for (int i = 0; i < static_cast<int>(info.strides.size()); ++i) {
    const int stride = info.strides[static_cast<std::size_t>(i)];
    require_level(graph, graph::box_output(i), 4 * info.dfl_bins, stride);
    require_level(graph, graph::class_output(i), static_cast<std::int64_t>(info.class_names.size()), stride);
    if (traits.extra_output) require_level(graph, traits.extra_output(i), extra_channels(info), stride);
  }
  if (traits.masks) require_channels(graph, graph::proto_output, info.mask_channels);
}

}  // namespace peregrine
