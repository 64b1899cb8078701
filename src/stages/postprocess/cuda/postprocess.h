// The kernels of postprocess convert the head tensors of a batch in device memory to a result record, with
// the arithmetic of stages/postprocess/postprocess.h. No call synchronises or allocates; all can be recorded
// in a CUDA graph. Results are deterministic: candidates compete in the order of their score, anchor and
// class. They equal the host's but for expf, which may differ by an ulp (and with it a candidate whose score
// lies within an ulp of the threshold), and for the last bit of an embedding.
//
// Limits: 4 levels, 4096 classes, 256 mask channels, 2000 detections an image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "image/geometry.h"
#include "stages/postprocess/postprocess.h"
#include "stages/postprocess/record.h"

namespace peregrine::postprocess {

/// One Geometry an image, in device memory, `stride` bytes apart: they may be part of larger descriptors.
struct DeviceGeometries {
  const void* first = nullptr;
  std::ptrdiff_t stride = sizeof(Geometry);
};

struct Batch;

/// Postprocess of one model's batches: fixed tensors, options and buckets.
class DevicePostprocess {
 public:
  /// `heads`: all of one dtype, on a GPU; their batch is the most images that enqueue() takes.
  /// `mask_capacity`: see record_layout(). Throws Error "model.head", or "usage.limit" beyond the limits
  /// above. keep_candidates is not offered here.
  DevicePostprocess(const ModelInfo& model, std::span<const NamedTensor> heads, const Options& options,
                    std::size_t mask_capacity);
  ~DevicePostprocess();
  DevicePostprocess(DevicePostprocess&&) noexcept;
  DevicePostprocess& operator=(DevicePostprocess&&) noexcept;

  const RecordLayout& layout() const noexcept;
  /// Device memory that enqueue() needs, aligned to 256 bytes; it need not be initialised.
  std::size_t workspace_bytes() const noexcept;
  /// Where in the workspace the record is made: what gather_crops() reads.
  static void* device_record(void* workspace) noexcept { return workspace; }

  /// `geometries`: of the first `images` images. `host_record`: layout().bytes of mapped page-locked memory
  /// (its device address) that receives what is used of the record, or null to leave it on the device.
  void enqueue(void* workspace, const DeviceGeometries& geometries, int images, void* host_record,
               void* cuda_stream) const;
  /// The first part of enqueue() alone, up to the scores and boxes of the anchors above the threshold: to
  /// time beside libraries whose forward pass decodes the head and leaves NMS to others.
  void enqueue_decode(void* workspace, int images, void* cuda_stream) const;

 private:
  Batch in(void* workspace, int images) const;

  std::unique_ptr<Batch> batch_;
};

/// Where the crops of a record go: first in the list, or behind those that earlier calls on the stream have
/// gathered.
enum class CropList : std::uint8_t { begin, append };

/// The boxes of all objects of `classes` (indices of the model), image by image in the record's order,
/// into `crops`, whose number is *count afterwards. `crops` must hold images * max_objects for every
/// record. On the device throughout.
void gather_crops(const RecordLayout& layout, const void* record, int images, std::span<const int> classes,
                  CropList list, Crop* crops, int* count, void* cuda_stream);

/// L2-normalises features ([N, length], f16 or f32, dense rows, on the device): row i becomes to[(*first + i)
/// * length], FP32, for every i with *first + i < *count. Both lie on the device; `to` is device or mapped
/// page-locked memory.
void normalise_embeddings(const TensorView& features, const int* count, const int* first, float* to,
                          void* cuda_stream);

}  // namespace peregrine::postprocess
