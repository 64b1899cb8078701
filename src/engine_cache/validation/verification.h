// Validates an engine against the FP32 reference before it is deployed.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "engine_cache/engine_context.h"
#include "engine_cache/store/manifest.h"
#include "engine_cache/witness.h"
#include "formats/model.h"

namespace peregrine::engine_cache {

struct VerificationOptions {
  std::vector<std::filesystem::path> images{};  ///< empty: the built-in sample images
  /// As BuildOptions::progress.
  std::function<bool(double, std::string_view)> progress{};
  /// Asked once for what an independent program finds on the images, with the model's own input size; null:
  /// there is no independent program.
  std::function<WitnessAnswer(const InputShape& shape)> witness{};
};

/// Runs `engine` and the FP32 reference over the images and compares what they find, object by object,
/// within EngineContext::limits (on a CPU those of what it really ran in; where that is not what was asked
/// for, the record says so and has not passed): the share of reference objects that are found again, and of
/// those that have the right candidate before NMS. Under twenty reference objects the raw head tensors are
/// compared instead, by cosine, and the record says so. In FP32 also the heads' largest difference, relative
/// to the tensor's largest value. The reference is the cuda engine in FP32 on a device and OpenVINO in FP32
/// otherwise; for an engine that is one of these itself, the graph's reference executor. Reference and engine
/// share our reading of the file and our decoding; so the engine's boxes are looked at by themselves as well
/// (plausibility.h), and an independent program is compared where there is one (witness.h): OpenVINO's own
/// reader for an ONNX file, VerificationOptions::witness for others. `shape` is the one that the engine was
/// built for. Throws Error "interrupted.build" when progress says so, and "image..." for an image that
/// cannot be read.
store::ValidationRecord verify(Engine& engine, const Model& model, const EngineContext& context,
                               const InputShape& shape, const VerificationOptions& options);

/// Digest of what a record depends on beside the engine: the limits, and the images' bytes.
std::string conditions_of(const ParityLimits& limits, const std::vector<std::filesystem::path>& images);

}  // namespace peregrine::engine_cache
