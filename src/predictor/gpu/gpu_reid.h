// Computes embeddings on the GPU: crops the persons from the original images in device memory and runs them
// in crop batches.
#pragma once

#include <memory>
#include <vector>

#include "cuda/array.h"
#include "cuda/stream.h"
#include "predictor/gpu/gpu_model.h"
#include "stages/postprocess/tasks/reid/crop_batches.h"
#include "stages/preprocess/cuda/preprocess.h"

namespace peregrine::predictor {

class GpuReid {
 public:
  /// There is one engine for each batch bucket; a crop batch takes the smallest bucket that holds the
  /// remaining persons, so that none is dropped.
  GpuReid(const Model& model, const engine_cache::EngineContext& context, int most_persons);

  const ModelInfo& model() const { return engines_.front().engine->model(); }
  void check_bindings(GpuPolicy& policy) const;
  void check_batch(GpuPolicy& policy) const;

  /// Where the boxes and their number go, in device memory.
  Crop* crops() const { return crops_.data(); }
  int* count() const { return &crop_batches()->persons; }

  // Both run the persons that crops() and count() hold by then; embeddings can be read once `stream` is
  // synchronised.

  /// False where an engine must be enqueued for each run: run_crop_batches() serves then.
  bool capturable(cudaStream_t stream) const;
  /// `stream` is being captured: the crop batches, and the capacity of each, are chosen on the device.
  void capture(const preprocess::InputImage* images, cudaStream_t stream);
  /// The same crop batches, chosen by the host, which waits for the number of persons.
  void run_crop_batches(const preprocess::InputImage* images, cudaStream_t stream);

  /// How many persons the last run had.
  int persons() const { return persons_[0]; }
  std::vector<float> embedding(int person) const;
  /// Enters what the last run wrote to the host into the transfer log.
  void record_transfers() const;

 private:
  struct Sized {
    std::unique_ptr<GpuEngine> engine;
    cuda::DeviceBuffer input;
    TensorView view;
  };
  void add(std::unique_ptr<GpuEngine> engine);
  /// One engine for all buckets, as far as its range of batches goes.
  void add_open_batch(const Model& model, const engine_cache::EngineContext& context);
  /// An engine for each bucket.
  void add_each_batch(const Model& model, const engine_cache::EngineContext& context);
  postprocess::CropBatches* crop_batches() const { return crop_batches_.data(); }
  void enqueue_crop_batch(std::size_t capacity, const preprocess::InputImage* images, cudaStream_t stream);

  postprocess::BatchBuckets buckets_;
  std::vector<Sized> engines_;  ///< by capacity
  cuda::DeviceArray<Crop> crops_;
  cuda::DeviceArray<postprocess::CropBatches> crop_batches_;  ///< one
  cuda::PinnedArray<int> persons_;                            ///< one: how many
  cuda::PinnedArray<float> embeddings_;
  cuda::Stream crop_batch_stream_ = cuda::Stream::create(),
               bucket_stream_ = cuda::Stream::create();  ///< to capture bodies on
};

}  // namespace peregrine::predictor
