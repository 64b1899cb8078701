// Chooses the engine, its device and its precision, and applies the start-up enforcement.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "peregrine/settings.h"

namespace peregrine::engine_cache {

/// As BuildOptions::progress.
using EngineProgress = std::function<bool(double share, std::string_view what)>;

struct EngineContext {
  std::shared_ptr<const Builder> builder;
  Device device;
  std::string device_name;
  Precision precision = Precision::fp32;
  std::string driver{};  ///< version of the device's driver; empty on the CPU
  std::filesystem::path
      store{};              ///< engines come out of this store; empty: built anew each time, not verified
  bool unverified = false;  ///< take engines from the store that have not passed their verification
  std::vector<std::filesystem::path> unverified_engines{};  ///< folders of those that were deployed so
  ParityLimits limits{};                   ///< how far an engine may deviate from the reference
  const cuda::MemoryPool* pool = nullptr;  ///< the pipeline's, for engines that it loads (Builder::load)
  EngineProgress progress{};               ///< of builds that are told to nobody else
  bool automatic = false;                  ///< "auto" took this engine
};

/// The builder of FP32 reference engines for a place: cuda on a device, OpenVINO otherwise; null where this
/// build lacks it.
std::unique_ptr<Builder> reference_builder(const Device& device);

/// Resolves an engine's name: "auto" is TensorRT where it is usable, else cuda, on a GPU, and OpenVINO
/// without one. Throws "enforcement.device" when FORCE_GPU_ONLY is on and
/// no CUDA device is there, "usage.engine" for a name that is none, "environment.engine" for an engine that
/// this program or machine does not have.
///
/// `progress` is told while a TensorRT library is probed, and is the context's afterwards; where it returns
/// false: Error "interrupted.probe".
EngineContext choose_engine(const Settings& settings, const std::string& engine,
                            const EngineProgress& progress = {});

/// How long the builder's builds take, for people: "about a minute"; empty where it is seconds.
std::string usual_build_time(const Builder& builder);

/// For `build`: as choose_engine, but tensorrt and tensorrt-rtx by name do not need a device where none is.
/// Their engines are then built and not run; EngineContext::device is the one they are meant for. Throws
/// "environment.tensorrt" as well.
EngineContext choose_engine_to_build(const Settings& settings, const std::string& engine,
                                     const EngineProgress& progress = {});

}  // namespace peregrine::engine_cache
