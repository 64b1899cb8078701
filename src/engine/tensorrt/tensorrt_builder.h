// TensorRT 8.5, 8.6, 10, 11 and TensorRT-RTX, found and loaded at run time.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/engine.h"
#include "engine/tensorrt/library/version.h"

namespace peregrine {

struct TensorRtOptions {
  std::filesystem::path library{};  ///< a library or its folder; empty: searched for (tensorrt/locate.h)
  std::filesystem::path
      memory{};  ///< folder for timing caches and what is known of libraries; empty: nothing is kept
  /// Told while the library is probed, in the calling thread; false: Error "interrupted.probe".
  std::function<bool(double, std::string_view)> progress{};
};

/// Builder "tensorrt" or "tensorrt-rtx". The library is looked for on first use, probed in a process of its
/// own where it was never seen before, and never unloaded. build() writes the graph as ONNX in the wanted
/// precision, has it parsed, checks the precision of every layer, and builds; TensorRT-RTX needs no GPU for
/// that. TensorRT 8 reads an FP32 file, is asked for FP16 by a flag and for each layer, and is audited by its
/// inspector after the build. With `batches` the batch is open.
///
/// Bindings are dense NCHW device tensors of the engine's precision; with an open batch io() has the largest,
/// and a run takes any that fits, alike for all bindings.
///
/// Errors: "environment.tensorrt" (no library, or one that cannot be used), "environment.device" (load
/// without a GPU, or one that TensorRT refuses), "engine.unsupported", "engine.precision",
/// "engine.workspace", "engine.plan", "engine.binding", "engine.tensorrt" with all that TensorRT logged as
/// errors, "interrupted.build", "model.precision".
std::unique_ptr<Builder> make_tensorrt_builder(tensorrt::Flavour flavour, TensorRtOptions options);

}  // namespace peregrine
