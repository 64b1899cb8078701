// Embeddings on the GPU: persons are cut out of the original pictures in device memory and run in rounds.
#pragma once

#include <memory>
#include <vector>

#include "base/cuda/stream.h"
#include "pipeline/gpu_model.h"
#include "postprocess/reid_rounds.h"
#include "preprocess/cuda/preprocess.h"

namespace peregrine::pipeline {

class GpuReid {
 public:
  /// One engine a capacity; a round takes the smallest that holds the persons left, so that none is dropped.
  GpuReid(const Model& model, const provision::EngineChoice& choice, int most_persons);

  const ModelInfo& model() const { return engines_.front().engine->model(); }
  void guard_bindings(PlacementGuard& guard) const;
  void guard_batch(PlacementGuard& guard) const;

  /// Where the boxes and their number go, in device memory.
  Crop* crops() const { return reinterpret_cast<Crop*>(crops_.data()); }
  int* count() const { return &rounds()->persons; }

  // Both run the persons that crops() and count() hold by then; embeddings can be read once `stream` is synchronised.

  /// False where an engine must be enqueued for each run: run_rounds() serves then.
  bool capturable(cudaStream_t stream) const;
  /// `stream` is being captured: the rounds, and the capacity of each, are chosen on the device.
  void capture(const preprocess::Picture* pictures, cudaStream_t stream);
  /// The same rounds, chosen by the host, which waits for the number of persons.
  void run_rounds(const preprocess::Picture* pictures, cudaStream_t stream);

  /// How many persons the last run had.
  int persons() const { return *reinterpret_cast<const int*>(persons_.data()); }
  std::vector<float> embedding(int person) const;
  /// Enters what the last run wrote to the host into the ledger.
  void record_transfers() const;

 private:
  struct Sized {
    std::unique_ptr<GpuEngine> engine;
    cuda::DeviceBuffer input;
    TensorView view;
  };
  void add(std::unique_ptr<GpuEngine> engine);
  postprocess::ReidRounds* rounds() const { return reinterpret_cast<postprocess::ReidRounds*>(rounds_.data()); }
  int* host_persons() const { return reinterpret_cast<int*>(persons_.data()); }
  void enqueue_round(std::size_t capacity, const preprocess::Picture* pictures, cudaStream_t stream);

  postprocess::ReidCapacities capacities_;
  std::vector<Sized> engines_;  ///< by capacity
  cuda::DeviceBuffer crops_, rounds_;
  cuda::PinnedBuffer persons_, embeddings_;
  cuda::Stream round_stream_ = cuda::Stream::create(), capacity_stream_ = cuda::Stream::create();  ///< to capture bodies on
};

}  // namespace peregrine::pipeline
