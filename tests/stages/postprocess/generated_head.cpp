#include "generated_head.h"

#include <algorithm>
#include <cmath>

#include "core/half.h"
#include "core/head_names.h"

namespace peregrine::test {
namespace {

/// Ten bits.
int hashed(int seed, int tensor, std::int64_t index) {
  std::uint32_t i =
      static_cast<std::uint32_t>(index) + static_cast<std::uint32_t>(seed * 7919 + tensor * 104729 + 1);
  i = (i ^ (i >> 15)) * 2654435761u;
  i = (i ^ (i >> 13)) * 2246822519u;
  return static_cast<int>(i >> 22);
}

float logit(int hash) { return static_cast<float>(hash - 512) / 64; }

}  // namespace

template <class Value>
void GeneratedHead::add(const std::string& name, int channels, int height, int width, Value value) {
  const Shape shape = height ? Shape{batch_, channels, height, width} : Shape{batch_, channels, width};
  TensorView view = owners_.emplace_back(storage_.dtype, shape).view();
  if (storage_.channels_last)
    view.strides = height ? channels_last_strides(shape) : Strides{channels * width, 1, channels};
  const std::int64_t cells = std::int64_t{height ? height : 1} * width;
  const std::int64_t cell_stride = view.strides[shape.rank() - 1];  // dense rows in both layouts
  for (int n = 0; n < batch_; ++n)
    for (std::int64_t channel = 0; channel < channels; ++channel)
      for (std::int64_t cell = 0; cell < cells; ++cell) {
        const float v = value(seed_ + n, static_cast<int>(channel), channel * cells + cell);
        const std::int64_t at = n * view.strides[0] + channel * view.strides[1] + cell * cell_stride;
        if (storage_.dtype == DType::f32)
          view.as<float>()[at] = v;
        else
          view.as<Half>()[at] = to_half(v);
      }
  views_.push_back({name, view});
}

GeneratedHead::GeneratedHead(const ModelInfo& model, const Geometry& geometry, int seed, int batch,
                             Storage storage)
    : seed_(seed), batch_(batch), storage_(storage) {
  const int classes = static_cast<int>(model.class_names.size());
  const int extra = model.task == Task::pose ? model.keypoints * model.keypoint_dims
                                             : (model.task == Task::segment ? model.mask_channels : 0);
  owners_.reserve(16);
  if (model.task == Task::segment)
    add(head::proto_output, extra, geometry.input_height / 4, geometry.input_width / 4,
        [](int s, int, std::int64_t i) { return logit(hashed(s, 99, i)); });
  if (model.head == HeadLayout::decoded) {
    int anchors = 0;
    for (const int stride : model.strides)
      anchors += (geometry.input_height / stride) * (geometry.input_width / stride);
    add(head::decoded_output, 4 + classes + extra, 0, anchors, [&](int s, int channel, std::int64_t i) {
      if (channel < 2) return static_cast<float>(hashed(s, 0, i)) / 16;
      if (channel < 4) return static_cast<float>(hashed(s, 0, i)) / 32 + 1.0f / 32;
      if (channel < 4 + classes) return static_cast<float>(hashed(s, 1, i - 4 * anchors)) / 1024;
      return logit(hashed(s, 2, i - (4 + classes) * anchors)) / 4;
    });
    return;
  }
  for (int level = 0; level < static_cast<int>(model.strides.size()); ++level) {
    const int height = geometry.input_height / model.strides[level],
              width = geometry.input_width / model.strides[level];
    const int tensor = 10 * level;
    add(head::box_output(level), 4 * model.dfl_bins, height, width, [&](int s, int channel, std::int64_t i) {
      return logit(hashed(s, tensor, i)) - static_cast<float>(channel % model.dfl_bins);
    });
    add(head::class_output(level), classes, height, width,
        [&](int s, int, std::int64_t i) { return logit(hashed(s, tensor + 1, i)) - 4; });
    const auto quarter = [&](int s, int, std::int64_t i) { return logit(hashed(s, tensor + 2, i)) / 4; };
    if (model.task == Task::pose) add(head::keypoint_output(level), extra, height, width, quarter);
    if (model.task == Task::segment) add(head::coefficient_output(level), extra, height, width, quarter);
  }
}

Geometry centred_geometry(int width, int height, int input_width, int input_height) {
  const double r =
      std::min(static_cast<double>(input_height) / height, static_cast<double>(input_width) / width);
  Geometry g{width, height, input_width, input_height, 0, 0, 0, 0};
  g.resized_width = std::max(static_cast<int>(std::nearbyint(width * r)), 1);
  g.resized_height = std::max(static_cast<int>(std::nearbyint(height * r)), 1);
  g.pad_left = static_cast<int>(std::nearbyint((input_width - g.resized_width) / 2.0 - 0.1));
  g.pad_top = static_cast<int>(std::nearbyint((input_height - g.resized_height) / 2.0 - 0.1));
  return g;
}

ModelInfo generated_model(Task task, HeadLayout layout, int keypoint_dims) {
  ModelInfo model;
  model.task = task;
  model.name = "generated.pt";
  model.head = layout;
  model.class_names = {"car", "ball", "sign"};
  model.strides = {8, 16, 32};
  if (task == Task::pose) {
    model.keypoints = 4;
    model.keypoint_dims = keypoint_dims;
  }
  if (task == Task::segment) model.mask_channels = 6;
  return model;
}

}  // namespace peregrine::test
