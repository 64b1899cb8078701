// The user's own pipeline in the user's own Python: how fast it is, what it finds, how good that is. Detectors run through
// Ultralytics, OSNet through plain PyTorch.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare/parity.h"
#include "migrate/persons.h"
#include "migrate/python.h"
#include "migrate/speed.h"
#include "model/model.h"

namespace peregrine::migrate {

/// What it makes of one picture, in pixels of it.
struct PyTorchPicture {
  std::string name;
  std::vector<Object> objects;
  std::vector<compare::ParityCandidate> candidates;
  bool has_candidates = false;                      ///< false: what stands before NMS could not be had
  std::optional<std::vector<Object>> unsuppressed;  ///< of an FP16 run, where keypoints or masks hang on the boxes: without NMS
};

/// In one precision.
struct PyTorchRun {
  std::string why;                   ///< it could not be measured; empty: it was
  std::string version, ultralytics;  ///< of torch, and of ultralytics where it was asked
  Precision ran{};      ///< what the network computed in
  std::vector<Speed> speeds;
  std::vector<PyTorchPicture> pictures;
};

/// Why this Python cannot run such a model, or nothing.
std::string unfit(const FoundPython& python, const SpeedRequest& request);

/// In FP16 where `half`, else in FP32; on the GPU of the settings where `on_gpu`. Throws "interrupted".
PyTorchRun run_detector(const SpeedRequest& request, const FoundPython& python, bool on_gpu, bool half,
                        const std::vector<std::filesystem::path>& pictures);
/// What it finds and nothing else: in FP32 on the CPU, at one input size, down to `confidence`.
PyTorchRun find_objects(const SpeedRequest& request, const FoundPython& python, const InputShape& shape,
                        float confidence, const std::vector<std::filesystem::path>& pictures);
PyTorchRun run_osnet(const SpeedRequest& request, const FoundPython& python, bool on_gpu, bool half, const Persons& persons);

/// How far its FP16 departs from its FP32: the pictures of both, within the limits of the settings.
PyTorchAccuracy accuracy_of(const PyTorchRun& fp32, const PyTorchRun& fp16, Task task, const ParityLimits& limits);

/// Average precision by Ultralytics' own validation, scored as ours is.
struct PyTorchPrecision {
  std::string why, subject;                            ///< as PyTorchRun's; "PyTorch 2.9.0 fp32"
  std::vector<std::pair<std::string, double>> values;  ///< by metric
};
PyTorchPrecision validate_pytorch(const SpeedRequest& request, const FoundPython& python, const std::filesystem::path& data,
                                  bool on_gpu, bool half);

}  // namespace peregrine::migrate
