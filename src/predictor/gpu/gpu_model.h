// One model on the GPU: its engine, the device memory of its outputs, and its postprocess.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "cuda/memory.h"
#include "engine/engine.h"
#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "gpu_policy/gpu_policy.h"
#include "stages/postprocess/cuda/postprocess.h"

namespace peregrine::predictor {

/// Names under which the guard checks what leaves an engine of this task: place, and dtype where `wanted` is
/// FP16. Whether all are in place.
bool check_outputs(GpuPolicy& policy, Task task, std::span<const postprocess::NamedTensor> outputs,
                   Precision wanted);

/// An engine with device buffers for everything but its input, whose buffer several models of one input size
/// share.
class GpuEngine {
 public:
  /// `tactics_from`: see build_engine().
  GpuEngine(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
            const Plan* tactics_from = nullptr);
  /// Runs `engine`, whose batch is that of `shape`.
  GpuEngine(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
            std::unique_ptr<Engine> engine);

  const ModelInfo& model() const { return model_; }
  const InputShape& shape() const { return shape_; }
  Precision precision() const { return engine_->precision(); }
  /// The input binding, without memory.
  const Binding& input() const { return *input_; }
  /// Bytes that the input's memory must have, padding channels included.
  std::size_t input_bytes() const;
  std::span<const postprocess::NamedTensor> outputs() const { return outputs_; }

  /// When it is made: the place of every binding by its own name, and, where FP16 was asked for, the dtype of
  /// the input.
  void check_bindings(GpuPolicy& policy, const TensorView& input) const;
  /// Before each batch: what it reads and what leaves it, under the names that users know. Throws
  /// "device.place" for memory elsewhere that the guard lets pass, so that the CPU serves.
  void check_batch(GpuPolicy& policy, const TensorView& input) const;
  void enqueue(const TensorView& input, cudaStream_t stream);
  /// False where it must be enqueued for each run instead of being recorded.
  bool capturable(cudaStream_t stream) const { return engine_->capturable({stream}); }
  /// Engine::time_layers() on a made-up image; waits, and spoils the outputs.
  std::vector<LayerTime> time_layers();

 private:
  std::vector<TensorView> bindings(const TensorView& input) const;

  ModelInfo model_;
  InputShape shape_;
  Precision wanted_;
  std::unique_ptr<Engine> engine_;
  const Binding* input_ = nullptr;
  std::vector<cuda::DeviceBuffer> memory_;
  std::vector<postprocess::NamedTensor> outputs_;
};

/// A detector on the GPU: engine and postprocess, leaving a result record in page-locked memory.
class GpuDetector {
 public:
  GpuDetector(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
              postprocess::Options options, const Plan* tactics_from = nullptr);

  GpuEngine& engine() { return engine_; }
  const GpuEngine& engine() const { return engine_; }
  const ModelInfo& model() const { return engine_.model(); }

  /// GpuEngine::check_batch(), and the place where masks are assembled.
  void check_batch(GpuPolicy& policy, const TensorView& input) const;
  /// Enqueues the kernels that make the record of what the engine left; `geometries` as in DevicePostprocess.
  void enqueue_postprocess(const postprocess::DeviceGeometries& geometries, int images, cudaStream_t stream);
  /// True when the masks of the last batch did not fit; the record has been enlarged and the batch must be
  /// enqueued again.
  bool grow_if_needed(int images);

  postprocess::Detections read(int image, const Geometry& geometry) const;
  std::size_t record_bytes(int images) const;
  /// For ReID: boxes of `classes` into a list on the device; after the batch, how many those were, and where
  /// each object that read() gives went among them.
  void gather_crops(int images, std::span<const int> classes, postprocess::CropList list, Crop* crops,
                    int* count, cudaStream_t stream) const;
  int crop_count(int images, std::span<const int> classes) const;
  std::vector<int> crop_places(int image, std::span<const int> classes) const;

 private:
  void allocate(std::size_t mask_capacity);

  GpuEngine engine_;
  postprocess::Options options_;
  std::unique_ptr<postprocess::DevicePostprocess> postprocess_;
  cuda::DeviceBuffer workspace_;
  cuda::PinnedBuffer record_;
};

}  // namespace peregrine::predictor
