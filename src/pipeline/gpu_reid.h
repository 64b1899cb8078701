// Embeddings on the GPU: persons are cut out of the original pictures in device memory and run in rounds.
#pragma once

#include <memory>
#include <vector>

#include "pipeline/gpu_model.h"
#include "preprocess/cuda/preprocess.h"

namespace peregrine::pipeline {

class GpuReid {
 public:
  /// One engine a capacity; a round takes the smallest that holds the persons left, so that none is dropped.
  GpuReid(const Model& model, const provision::EngineChoice& choice, int most_persons);

  const ModelInfo& model() const { return engines_.front().engine->model(); }
  void guard_bindings(PlacementGuard& guard) const;
  void guard_batch(PlacementGuard& guard) const;

  /// Where the boxes go: crops() in device memory, count() in page-locked memory that the device writes.
  Crop* crops() const { return reinterpret_cast<Crop*>(crops_.data()); }
  int* count() const { return reinterpret_cast<int*>(count_.data()); }

  /// Runs the persons that crops() and count() hold; `stream` has been synchronised since they were written. The
  /// embeddings can be read once `stream` is synchronised again.
  void enqueue(const preprocess::Picture* pictures, cudaStream_t stream);
  std::vector<float> embedding(int person) const;

 private:
  struct Sized {
    std::unique_ptr<GpuEngine> engine;
    cuda::DeviceBuffer input;
    TensorView view;
  };
  void add(std::unique_ptr<GpuEngine> engine);
  const Sized& round_for(int persons) const;

  std::vector<Sized> engines_;  ///< by capacity, rising
  cuda::DeviceBuffer crops_;
  cuda::PinnedBuffer count_, embeddings_;
};

}  // namespace peregrine::pipeline
