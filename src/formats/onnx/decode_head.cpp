#include "formats/onnx/decode_head.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/task/task_traits.h"
#include "graph/head.h"
#include "graph/rewriter.h"

namespace peregrine::onnx {

namespace {

using graph::Binary;
using graph::ValueId;
using Index = std::int64_t;

/// Appends the nodes "decode.NAME".
class Decoder {
 public:
  Decoder(graph::Graph& graph, const ModelInfo& info) : graph_(graph), info_(info) {
    batch_ = shape(graph.inputs().front())[0];
    for (std::size_t level = 0; level < info.strides.size(); ++level) add_anchors(static_cast<int>(level));
  }

  ValueId decode() {
    const auto classes = static_cast<Index>(info_.class_names.size());
    std::vector<ValueId> parts{boxes(), add("scores", graph::Unary{graph::Unary::Kind::sigmoid},
                                            {joined("cls", graph::class_output, classes)})};
    const TaskTraits& traits = traits_of(info_);
    if (traits.keypoints)
      parts.push_back(keypoints());
    else if (traits.extra_output)  // coefficients, numbers: as they are
      parts.push_back(joined(traits.masks ? "coef" : "extra", traits.extra_output, extra_channels(info_)));
    return add("output", graph::Concat{1}, std::move(parts));
  }

 private:
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  Index anchors() const { return static_cast<Index>(strides_.size()); }

  ValueId add(const std::string& name, graph::Operation operation, std::vector<ValueId> inputs) {
    return graph_.add("decode." + name, std::move(operation), std::move(inputs));
  }
  ValueId constant(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    HostTensor tensor(DType::f32, shape);
    std::ranges::copy(values, tensor.as<float>());
    return graph_.add_constant("decode." + name, std::move(tensor));
  }

  /// Centres of a level's cells, in cells, row by row.
  void add_anchors(int level) {
    const Shape& map = shape(graph_.find(graph::box_output(level)));
    for (Index y = 0; y < map[2]; ++y)
      for (Index x = 0; x < map[3]; ++x) {
        centre_x_.push_back(static_cast<float>(x) + 0.5f);
        centre_y_.push_back(static_cast<float>(y) + 0.5f);
        strides_.push_back(static_cast<float>(info_.strides[static_cast<std::size_t>(level)]));
      }
  }

  std::vector<float> centres(float shift) const {
    std::vector<float> both = centre_x_;
    both.insert(both.end(), centre_y_.begin(), centre_y_.end());
    for (float& centre : both) centre += shift;
    return both;
  }

  /// One branch of all levels side by side: [N, channels, anchors].
  ValueId joined(const std::string& name, std::string (*output)(int), Index channels) {
    std::vector<ValueId> levels;
    for (int level = 0; level < static_cast<int>(info_.strides.size()); ++level) {
      const ValueId map = graph_.find(output(level));
      const Index cells = shape(map)[2] * shape(map)[3];
      levels.push_back(add(output(level), graph::Reshape{{batch_, channels, cells}}, {map}));
    }
    return add(name, graph::Concat{2}, std::move(levels));
  }

  /// Distances of the four sides in cells, [N, 4, anchors]: the expected bin of each, or with one bin the
  /// value itself.
  ValueId distances() {
    const Index bins = info_.dfl_bins;
    const ValueId logits = joined("box", graph::box_output, 4 * bins);
    if (bins == 1) return logits;
    const ValueId by_side = add("sides", graph::Reshape{{batch_, 4, bins, anchors()}}, {logits});
    const ValueId by_bin = add("bins", graph::Transpose{{0, 2, 1, 3}}, {by_side});
    const ValueId shares = add("softmax", graph::Softmax{1}, {by_bin});
    std::vector<float> distances(static_cast<std::size_t>(bins));
    std::iota(distances.begin(), distances.end(), 0.0f);
    const ValueId mean =
        add("mean", graph::Conv{}, {shares, constant("distances", {1, bins, 1, 1}, distances)});
    return add("distance", graph::Reshape{{batch_, 4, anchors()}}, {mean});
  }

  ValueId boxes() {
    const std::vector<ValueId> ends = graph_.add_node("decode.ends", graph::Split{1, {2, 2}}, {distances()});

    const ValueId centre = constant("centres", {1, 2, anchors()}, centres(0));
    const ValueId near = add("near", Binary{Binary::Kind::sub}, {centre, ends[0]});
    const ValueId far = add("far", Binary{Binary::Kind::add}, {centre, ends[1]});
    const ValueId sum = add("sum", Binary{Binary::Kind::add}, {near, far});
    const ValueId middle = add("middle", Binary{Binary::Kind::mul}, {sum, constant("half", {}, {0.5f})});
    const ValueId size = add("size", Binary{Binary::Kind::sub}, {far, near});
    const ValueId cells = add("xywh", graph::Concat{1}, {middle, size});
    return add("pixels", Binary{Binary::Kind::mul},
               {cells, constant("strides", {1, 1, anchors()}, strides_)});
  }

  ValueId keypoints() {
    const Index count = info_.keypoints, dims = info_.keypoint_dims;
    const ValueId flat = joined("kpt", graph::keypoint_output, count * dims);
    const ValueId each = add("keypoints", graph::Reshape{{batch_, count, dims, anchors()}}, {flat});
    const bool visibility = dims == 3;
    const std::vector<ValueId> parts =
        visibility ? graph_.add_node("decode.parts", graph::Split{2, {2, 1}}, {each}) : std::vector{each};
    const ValueId doubled =
        add("doubled", Binary{Binary::Kind::mul}, {parts[0], constant("two", {}, {2.0f})});
    const ValueId corner = constant("corners", {1, 1, 2, anchors()}, centres(-0.5f));
    const ValueId cells = add("points", Binary{Binary::Kind::add}, {doubled, corner});
    ValueId result = add("positions", Binary{Binary::Kind::mul},
                         {cells, constant("point_strides", {1, 1, 1, anchors()}, strides_)});
    if (visibility) {
      const ValueId seen = add("visible", graph::Unary{graph::Unary::Kind::sigmoid}, {parts[1]});
      result = add("marked", graph::Concat{2}, {result, seen});
    }
    return add("all_keypoints", graph::Reshape{{batch_, count * dims, anchors()}}, {result});
  }

  graph::Graph& graph_;
  const ModelInfo& info_;
  Index batch_ = 1;
  std::vector<float> centre_x_, centre_y_, strides_;
};

}  // namespace

std::span<const std::string_view> position_steps() {
  static constexpr std::string_view names[] = {
      "decode.softmax", "decode.mean",    "decode.distance", "decode.ends",     "decode.near",
      "decode.far",     "decode.sum",     "decode.middle",   "decode.size",     "decode.xywh",
      "decode.pixels",  "decode.doubled", "decode.points",   "decode.positions"};
  return names;
}

void decode_head(graph::Graph& graph, const ModelInfo& info) {
  const ValueId prototypes = graph.find(graph::proto_output);
  const ValueId output =
      info.head == HeadLayout::decoded ? graph.find(graph::decoded_output) : Decoder(graph, info).decode();
  graph::Rewriter rewriter(graph);
  rewriter.clear_outputs();
  graph.mark_output(output, graph::decoded_output);
  if (traits_of(info).masks) graph.mark_output(prototypes, "output1");
  rewriter.remove_unused();
}

}  // namespace peregrine::onnx
