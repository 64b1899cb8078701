// Measures the user's own pipeline in the user's own Python: its speed, its results and their average
// precision. Detectors run through
// Ultralytics, OSNet through plain PyTorch.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/model.h"
#include "parity/parity.h"
#include "tools/doctor/python.h"
#include "tools/migrate/baseline/persons.h"
#include "tools/migrate/baseline/speed.h"

namespace peregrine::migrate {

/// What it makes of one image, in pixels of it.
struct PyTorchImage {
  std::string name;
  std::vector<Object> objects;
  std::vector<parity::ParityCandidate> candidates;
  bool has_candidates = false;  ///< false: what stands before NMS could not be had
  std::optional<std::vector<Object>>
      unsuppressed;  ///< of an FP16 run, where keypoints or masks hang on the boxes: without NMS
};

/// In one precision.
struct PyTorchRun {
  std::string why;                   ///< it could not be measured; empty: it was
  std::string version, ultralytics;  ///< of torch, and of ultralytics where it was asked
  Precision ran{};                   ///< what the network computed in
  std::vector<Speed> speeds;
  std::vector<PyTorchImage> images;
};

/// Why this Python cannot run such a model, or nothing.
std::string unfit(const doctor::FoundPython& python, const SpeedRequest& request);

/// In FP16 where `half`, else in FP32; on the GPU of the settings where `on_gpu`. Throws "interrupted".
PyTorchRun run_detector(const SpeedRequest& request, const doctor::FoundPython& python, bool on_gpu,
                        bool half, const std::vector<std::filesystem::path>& images);
/// What it finds and nothing else: in FP32 on the CPU, at one input size, down to `confidence`.
PyTorchRun find_objects(const SpeedRequest& request, const doctor::FoundPython& python,
                        const InputShape& shape, float confidence,
                        const std::vector<std::filesystem::path>& images);
PyTorchRun run_osnet(const SpeedRequest& request, const doctor::FoundPython& python, bool on_gpu, bool half,
                     const Persons& persons);

/// How far its FP16 deviates from its FP32: the images of both, within the limits of the settings.
PyTorchAccuracy accuracy_of(const PyTorchRun& fp32, const PyTorchRun& fp16, Task task,
                            const ParityLimits& limits);

/// Average precision by Ultralytics' own validation, scored as ours is.
struct PyTorchPrecision {
  std::string why, subject;                            ///< as PyTorchRun's; "PyTorch 2.9.0 fp32"
  std::vector<std::pair<std::string, double>> values;  ///< by metric
};
PyTorchPrecision validate_pytorch(const SpeedRequest& request, const doctor::FoundPython& python,
                                  const std::filesystem::path& data, bool on_gpu, bool half);

}  // namespace peregrine::migrate
