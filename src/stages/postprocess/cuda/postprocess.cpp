#include "stages/postprocess/cuda/postprocess.h"

#include <string>

#include "core/task/task_traits.h"
#include "cuda/array.h"
#include "peregrine/error.h"
#include "stages/postprocess/cuda/batch.h"
#include "stages/postprocess/head/head_view.h"

namespace peregrine::postprocess {
namespace {

constexpr int max_objects = 2000;

void require_at_most(const char* what, std::size_t value, std::size_t limit) {
  if (value > limit)
    throw Error("usage.limit", "The GPU's postprocess takes at most " + std::to_string(limit) + " " + what +
                                   ", not " + std::to_string(value) + ".");
}

ClassFilter filter_of(const Options& options, int classes) {
  ClassFilter filter{};
  if (options.classes.empty())
    for (std::uint32_t& word : filter.words) word = ~0u;
  for (const int c : options.classes)
    if (c >= 0 && c < classes) filter.words[c / 32] |= 1u << c % 32;
  return filter;
}

/// Whether each anchor's class values lie side by side and begin at a multiple of 16 bytes.
bool readable_in_vectors(const FeatureMap& map) {
  const std::ptrdiff_t elements = map.half ? 8 : 4;
  return map.channel_stride == 1 && reinterpret_cast<std::uintptr_t>(map.data) % 16 == 0 &&
         map.image_stride % elements == 0 && map.row_stride % elements == 0 &&
         map.column_stride % elements == 0;
}

void set_head(Batch& batch, const HeadView& head) {
  batch.level_count = static_cast<int>(head.levels.size());
  batch.proto = head.proto;
  batch.classes = head.levels.front().classes.channels;
  batch.anchors = head.anchors();
  for (int i = 0; i < batch.level_count; ++i) {
    const FeatureMap& classes = head.levels[i].classes;
    if (classes.half != head.levels.front().classes.half)
      throw Error("model.head", "The class outputs of a model are partly FP16, partly FP32.");
    batch.levels[i] = head.levels[i];
    batch.vectors[i] = readable_in_vectors(classes);
    batch.first_tile[i] = batch.tiles;
    batch.tiles += (classes.height * classes.width + tile_anchors - 1) / tile_anchors;
  }
}

/// What lies where in the workspace; the record comes first, for device_record().
struct Workspace {
  cuda::ArraySlice<std::byte> record;
  cuda::ArraySlice<CandidateKey> keys;
  cuda::ArraySlice<int> tile_counts;
  cuda::ArraySlice<Corners> boxes;
  std::size_t bytes;
};

Workspace workspace_of(const Batch& batch) {
  const auto images = static_cast<std::size_t>(batch.layout.images),
             tiles = images * static_cast<std::size_t>(batch.tiles);
  cuda::WorkspaceLayout layout;
  Workspace workspace;
  workspace.record = layout.append<std::byte>(batch.layout.bytes);
  workspace.keys = layout.append<CandidateKey>(tiles * static_cast<std::size_t>(batch.tile_capacity));
  workspace.tile_counts = layout.append<int>(tiles);
  workspace.boxes = layout.append<Corners>(images * static_cast<std::size_t>(batch.anchors));
  workspace.bytes = layout.bytes();
  return workspace;
}

}  // namespace

DevicePostprocess::DevicePostprocess(const ModelInfo& model, std::span<const NamedTensor> heads,
                                     const Options& options, std::size_t mask_capacity)
    : batch_(std::make_unique<Batch>()) {
  const HeadView head = view_head(model, heads, 0, true);
  require_at_most("head levels", head.levels.size(), max_levels);
  require_at_most("classes", model.class_names.size(), max_classes);
  require_at_most("mask channels", static_cast<std::size_t>(model.mask_channels), max_mask_channels);
  require_at_most("detections an image", static_cast<std::size_t>(options.max_detections), max_objects);
  if (options.keep_candidates)
    throw Error("internal.postprocess", "Candidates are kept by the host's postprocess only.");
  Batch& batch = *batch_;
  set_head(batch, head);
  batch.images = static_cast<int>(heads.front().view.shape[0]);
  batch.confidence = options.confidence;
  batch.bound = logit_bound(options.confidence);
  batch.iou = options.iou;
  batch.multi_label = options.multi_label;
  batch.segments = traits_of(model).masks;
  batch.validation_masks = options.validation_masks;
  batch.keypoint_dims = model.keypoint_dims;
  batch.filter = filter_of(options, batch.classes);
  batch.tile_capacity = tile_anchors * (options.multi_label ? batch.classes : 1);
  batch.layout = record_layout(model, batch.images, options.max_detections, mask_capacity);
}

DevicePostprocess::~DevicePostprocess() = default;
DevicePostprocess::DevicePostprocess(DevicePostprocess&&) noexcept = default;
DevicePostprocess& DevicePostprocess::operator=(DevicePostprocess&&) noexcept = default;

const RecordLayout& DevicePostprocess::layout() const noexcept { return batch_->layout; }

std::size_t DevicePostprocess::workspace_bytes() const noexcept { return workspace_of(*batch_).bytes; }

/// The batch with its parts of the workspace.
Batch DevicePostprocess::in(void* workspace, int images) const {
  Batch batch = *batch_;
  if (images < 1 || images > batch.layout.images)
    throw Error("internal.postprocess", "A batch of " + std::to_string(images) +
                                            " images does not fit heads of " +
                                            std::to_string(batch.layout.images) + ".");
  const Workspace arrays = workspace_of(batch);
  batch.images = images;
  batch.record = device_record(workspace);
  batch.keys = arrays.keys.in(workspace);
  batch.tile_counts = arrays.tile_counts.in(workspace);
  batch.boxes = arrays.boxes.in(workspace);
  return batch;
}

void DevicePostprocess::enqueue(void* workspace, const DeviceGeometries& geometries, int images,
                                void* host_record, void* cuda_stream) const {
  Batch batch = in(workspace, images);
  batch.geometries = geometries;
  batch.host_record = host_record;
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  launch_decode_threshold(batch, stream);
  launch_nms(batch, stream);
  if (!batch.segments) return;
  launch_masks(batch, stream);
  if (host_record) launch_copy_results(batch, stream);
}

void DevicePostprocess::enqueue_decode(void* workspace, int images, void* cuda_stream) const {
  launch_decode_threshold(in(workspace, images), static_cast<cudaStream_t>(cuda_stream));
}

}  // namespace peregrine::postprocess
