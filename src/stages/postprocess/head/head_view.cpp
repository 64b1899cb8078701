#include "stages/postprocess/head/head_view.h"

#include <algorithm>

#include "core/head_names.h"
#include "core/task/task_traits.h"
#include "peregrine/error.h"

namespace peregrine::postprocess {
namespace {

[[noreturn]] void unfit(const ModelInfo& model, const std::string& what) {
  throw Error("model.head", model.name + ": " + what,
              "Build the engine again: `peregrine build MODEL --rebuild`.");
}

/// Finds tensors of one image by name.
class Heads {
 public:
  Heads(const ModelInfo& model, std::span<const NamedTensor> tensors, int n, bool on_gpu)
      : model_(model), tensors_(tensors), n_(n), on_gpu_(on_gpu) {}

  /// [N, channels, H, W], or [N, channels, W] taken as one row.
  FeatureMap get(const std::string& name, int channels) const {
    const TensorView& view = find(name);
    const std::size_t rank = view.shape.rank();
    if (view.device.on_gpu() != on_gpu_)
      unfit(model_, "output '" + name + "' is on " + to_string(view.device) + ", expected " +
                        (on_gpu_ ? "a GPU" : "cpu"));
    if (view.dtype != DType::f32 && view.dtype != DType::f16)
      unfit(model_, "output '" + name + "' is " + to_string(view.dtype) + ", expected FP32 or FP16");
    if ((rank != 3 && rank != 4) || view.shape[1] != channels || n_ < 0 || n_ >= view.shape[0])
      unfit(model_, "output '" + name + "' has shape " + to_string(view.shape) + ", expected " +
                        std::to_string(channels) + " channels for image " + std::to_string(n_));
    FeatureMap map;
    map.half = view.dtype == DType::f16;
    map.data = view.data;
    map.channels = channels;
    map.height = rank == 4 ? static_cast<int>(view.shape[2]) : 1;
    map.width = static_cast<int>(view.shape[rank - 1]);
    map.image_stride = view.strides[0];
    map.channel_stride = view.strides[1];
    map.row_stride = rank == 4 ? view.strides[2] : 0;
    map.column_stride = view.strides[rank - 1];
    return map.of_image(n_);
  }

 private:
  const TensorView& find(const std::string& name) const {
    const auto found =
        std::find_if(tensors_.begin(), tensors_.end(), [&](const NamedTensor& t) { return t.name == name; });
    if (found == tensors_.end()) unfit(model_, "the engine has no output '" + name + "'");
    return found->view;
  }

  const ModelInfo& model_;
  std::span<const NamedTensor> tensors_;
  int n_;
  bool on_gpu_;
};

std::vector<PyramidLevel> raw_levels(const ModelInfo& model, const Heads& heads) {
  std::vector<PyramidLevel> levels;
  int anchors = 0;
  for (int i = 0; i < static_cast<int>(model.strides.size()); ++i) {
    PyramidLevel level;
    level.box = heads.get(head::box_output(i), 4 * model.dfl_bins);
    level.classes = heads.get(head::class_output(i), static_cast<int>(model.class_names.size()));
    if (const auto extra = traits_of(model).extra_output)
      level.extra = heads.get(extra(i), extra_channels(model));
    level.first_anchor = anchors;
    level.stride = static_cast<float>(model.strides[i]);
    anchors += level.box.height * level.box.width;
    for (const FeatureMap* map : {&level.classes, &level.extra})
      if (map->channels != 0 && (map->height != level.box.height || map->width != level.box.width))
        unfit(model, "the outputs of level " + std::to_string(i) + " differ in height or width");
    levels.push_back(level);
  }
  return levels;
}

PyramidLevel decoded_level(const ModelInfo& model, const Heads& heads) {
  const int classes = static_cast<int>(model.class_names.size());
  const int extra = extra_channels(model);
  const FeatureMap all = heads.get(head::decoded_output, 4 + classes + extra);
  PyramidLevel level;
  level.decoded = true;
  level.box = all.slice(0, 4);
  level.classes = all.slice(4, classes);
  level.extra = all.slice(4 + classes, extra);
  return level;
}

}  // namespace

int HeadView::anchors() const {
  const PyramidLevel& last = levels.back();
  return last.first_anchor + last.box.height * last.box.width;
}

AnchorPlace HeadView::place(int anchor) const {
  const PyramidLevel* level = &levels.back();
  while (anchor < level->first_anchor) --level;
  const int cell = anchor - level->first_anchor;
  return {level, cell / level->box.width, cell % level->box.width};
}

HeadView view_head(const ModelInfo& model, std::span<const NamedTensor> heads, int n, bool on_gpu) {
  const Heads tensors(model, heads, n, on_gpu);
  HeadView view;
  if (model.head == HeadLayout::decoded)
    view.levels.push_back(decoded_level(model, tensors));
  else
    view.levels = raw_levels(model, tensors);
  if (traits_of(model).masks) view.proto = tensors.get(head::proto_output, model.mask_channels);
  if (view.levels.empty()) unfit(model, "a raw head without strides");
  return view;
}

}  // namespace peregrine::postprocess
