// One model on the GPU: its engine, the device memory of its outputs, and its postprocess.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/cuda/memory.h"
#include "base/guard.h"
#include "engine/engine.h"
#include "model/model.h"
#include "postprocess/cuda/postprocess.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// Names under which the guard checks what leaves an engine of this task: place, and dtype where `wanted` is FP16. Whether all
/// are in place.
bool guard_outputs(PlacementGuard& guard, Task task, std::span<const postprocess::NamedTensor> outputs, Precision wanted);

/// An engine with device buffers for everything but its input, whose buffer several models of one input size share.
class GpuEngine {
 public:
  /// `choices_from`: see build_engine().
  GpuEngine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
            const Plan* choices_from = nullptr);

  const ModelInfo& model() const { return model_; }
  const InputShape& shape() const { return shape_; }
  Precision precision() const { return engine_->precision(); }
  /// The input binding, without memory.
  const Binding& input() const { return *input_; }
  /// Bytes that the input's memory must have, padding channels included.
  std::size_t input_bytes() const;
  std::span<const postprocess::NamedTensor> outputs() const { return outputs_; }

  /// When it is made: the place of every binding by its own name, and, where FP16 was asked for, the dtype of the input.
  void guard_bindings(PlacementGuard& guard, const TensorView& input) const;
  /// Before each batch: what it reads and what leaves it, under the names that users know. Throws "device.place" for memory
  /// elsewhere that the guard lets pass, so that the CPU serves.
  void guard_batch(PlacementGuard& guard, const TensorView& input) const;
  void enqueue(const TensorView& input, cudaStream_t stream);
  /// False where it must be enqueued for each run instead of being recorded.
  bool capturable(cudaStream_t stream) const { return engine_->capturable({stream}); }
  /// Engine::time_layers() on a made-up picture; waits, and spoils the outputs.
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
  GpuDetector(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, postprocess::Options options,
              const Plan* choices_from = nullptr);

  GpuEngine& engine() { return engine_; }
  const GpuEngine& engine() const { return engine_; }
  const ModelInfo& model() const { return engine_.model(); }

  /// GpuEngine::guard_batch(), and the place where masks are assembled.
  void guard_batch(PlacementGuard& guard, const TensorView& input) const;
  /// Enqueues the kernels that make the record of what the engine left; `geometries` as in DevicePostprocess.
  void enqueue_postprocess(const postprocess::DeviceGeometries& geometries, int pictures, cudaStream_t stream);
  /// True when the masks of the last batch did not fit; the record has been enlarged and the batch must be enqueued again.
  bool grow_if_needed(int pictures);

  postprocess::Detections read(int picture, const Geometry& geometry) const;
  std::size_t record_bytes(int pictures) const;
  /// For ReID: boxes of `classes` into a list on the device; after the batch, how many those were, and where
  /// each object that read() gives went among them.
  void gather_crops(int pictures, std::span<const int> classes, postprocess::CropList list, Crop* crops,
                    int* count, cudaStream_t stream) const;
  int crop_count(int pictures, std::span<const int> classes) const;
  std::vector<int> crop_places(int picture, std::span<const int> classes) const;

 private:
  void allocate(std::size_t mask_capacity);

  GpuEngine engine_;
  postprocess::Options options_;
  std::unique_ptr<postprocess::DevicePostprocess> postprocess_;
  cuda::DeviceBuffer workspace_;
  cuda::PinnedBuffer record_;
};

}  // namespace peregrine::pipeline
