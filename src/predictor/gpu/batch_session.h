// A batch session: all detectors at one input size each, the inputs that they share, their branches, and the
// CUDA graphs recorded of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cuda/array.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "gpu_policy/gpu_policy.h"
#include "predictor/class_filter.h"
#include "predictor/gpu/gpu_model.h"
#include "predictor/gpu/gpu_reid.h"
#include "stages/preprocess/cuda/preprocess.h"

namespace peregrine::predictor {

class BatchSession {
 public:
  /// For up to `batch` images. `stream` and `guard` outlive this object; the first detector runs on the
  /// stream, the others beside it.
  BatchSession(int batch, cudaStream_t stream, GpuPolicy& policy)
      : batch_(batch), stream_(stream), policy_(policy) {}

  /// Detectors of one input size and layout read the same input.
  void add(std::unique_ptr<GpuDetector> detector);
  const GpuDetector& detector(std::size_t model) const { return *branches_[model].detector; }

  using GeometryOf = std::function<Geometry(const ImageView& image, std::size_t model)>;
  /// Whose objects get embeddings: those of these classes of each model.
  struct Persons {
    GpuReid* reid = nullptr;  ///< null: nobody's
    ClassesByModel classes;
  };
  /// Runs all detectors over images in device memory, and ReID, where there is one, over what they found.
  /// The results can be read afterwards. Returns what the batch took, by the device's clock; ReID counts as
  /// inference.
  StageTimes run(std::span<const ImageView> images, const GeometryOf& geometry_of, const Persons& persons);

  /// What model `model` found in image `image` of the last run.
  std::vector<Object> objects(std::size_t model, int image_index) const;

 private:
  /// A letterboxed batch, and the descriptors that tell where its images lie.
  struct Input {
    cuda::DeviceBuffer memory;
    cuda::DeviceArray<preprocess::InputImage> descriptors;
    cuda::PinnedArray<preprocess::InputImage> staged;
    TensorView view;

    postprocess::DeviceGeometries geometries() const {
      return {&descriptors.data()->geometry, sizeof(preprocess::InputImage)};
    }
  };
  /// A detector, the input it reads, and the stream of its branch.
  struct Branch {
    std::unique_ptr<GpuDetector> detector;
    std::size_t input = 0;
    cuda::Stream stream;
    cuda::Event inferred, done;
  };

  std::size_t input_for(const GpuEngine& engine);
  void describe(std::span<const ImageView> images, const GeometryOf& geometry_of);
  /// How a batch's work reaches the device.
  struct Way {
    bool captured = false;  ///< the stream is being captured
    bool reid = false;      ///< ReID is part of what is enqueued, and does not come after it
  };
  /// Steps: "preprocess", "inference NAME", "postprocess", "reid".
  void enqueue(int image_count, const Persons& persons, const Way& way);
  /// The persons of all branches, which have joined the stream, one branch after another into one list.
  void gather(int image_count, const Persons& persons);
  /// Every detector's engine allows its work to be captured.
  bool recordable() const;
  const cuda::Graph& recorded(int image_count, const Persons& persons, bool with_reid);
  void run_recorded(int image_count, const Persons& persons);

  StageTimes times() const;
  /// "inference A, B": what a launch of the whole graph is called; `reid`: where it is part of it.
  std::string inference(const GpuReid* reid) const;

  int batch_;
  cudaStream_t stream_;
  GpuPolicy& policy_;
  cuda::Event forked_ = cuda::Event::create();
  cuda::Event begun_ = cuda::Event::create_timing(), preprocessed_ = cuda::Event::create_timing(),
              finished_ = cuda::Event::create_timing(), embedded_ = cuda::Event::create_timing();
  std::vector<Input> inputs_;
  std::vector<Branch> branches_;
  std::map<std::pair<int, bool>, cuda::Graph>
      graphs_;  ///< by number of images, and whether ReID is part of it
};

}  // namespace peregrine::predictor
