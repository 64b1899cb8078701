// Gets a model's engine from the cache, or builds it, validates it against the FP32 reference and stores it.
//
//   store::Store store(settings.store);
//   const EngineContext choice = choose_engine(settings, "auto");
//   const Model model = open_model("yolo11n.pt");
//   const CachedEngine obtained = get_or_build(store, model, choice, {.shape = {1, 640, 640}});
//   auto engine = choice.builder->load(
//       load(store, obtained.manifest.id, choice, store::Trust::verified).plan, choice.device);
#pragma once

#include <filesystem>

#include "engine_cache/engine_context.h"
#include "engine_cache/store/store.h"
#include "engine_cache/validation/verification.h"
#include "formats/model.h"

namespace peregrine::engine_cache {

/// Opens a model file or an engine's folder (in the store, or a copy of it); of the latter the model has a
/// ModelInfo but no graph. `told` as load_model() takes it.
Model open_model(const std::filesystem::path& path, const std::optional<TaskHint>& told = {});
/// The same as load_model_expecting().
Model open_model_expecting(const std::filesystem::path& path, const TaskHint& expected);
/// Whether the model is an engine's folder.
bool is_engine(const Model& model);

struct Request {
  InputShape shape{};      ///< with BuildOptions::batches, the batch is onnx::open_batch_stand_in
  bool any_size = false;   ///< openvino: one engine for any batch, height and width
  BuildOptions options{};  ///< precision, device, dynamic_size and progress are filled in by get_or_build()
  bool rebuild = false;    ///< build in any case; the old engine stays until the new one takes its place
  bool keep_old =
      false;  ///< rebuild: one that fails its verification takes no place (Error "validation.engine")
  bool verify = true;  ///< compare with the FP32 reference where there is no record for this driver
  VerificationOptions verification{};  ///< its progress is told of the build as well; without: the context's
};

struct CachedEngine {
  store::Manifest manifest;
  bool built = false, verified = false;  ///< now, not earlier
};

/// Finds the engine in the store or builds it, and verifies it; what fails its verification is kept with its
/// record. Where the builder cannot run its plans here, the record says "built, not run". Throws
/// "engine.unsupported" naming the nodes that the engine cannot run, and what Builder::build and the store
/// throw; after an error the store is as it was.
CachedEngine get_or_build(store::Store& store, const Model& model, const EngineContext& context,
                          const Request& request);

/// The identity that get_or_build() looks for, or builds. It asks nobody whether it can be built.
store::EngineIdentity identity_of(const Model& model, const EngineContext& context, const Request& request);

/// Throws "engine.unsupported" where get_or_build() would, with no engine in the store. With TensorRT that
/// makes a builder and parses the model.
void require_supported(const Model& model, const EngineContext& context, const Request& request);

/// Validates a cached engine against the reference; its record stays unchanged.
store::ValidationRecord verify_cached(const store::Store& store, const store::Manifest& manifest,
                                      const Model& model, const EngineContext& context,
                                      const VerificationOptions& options);
/// Validates a cached engine and replaces its record.
store::Manifest verify_again(store::Store& store, const store::Manifest& manifest, const Model& model,
                             const EngineContext& context, const VerificationOptions& options);

/// The record of an engine that the machine cannot run: "built, not run".
store::ValidationRecord not_run(const EngineContext& context, const std::string& why);

/// What the store must match for `choice`.
store::BuildEnvironment environment_of(const EngineContext& context);
store::LoadedEngine load(const store::Store& store, const std::string& id, const EngineContext& context,
                         store::Trust trust);

/// The graph as builders get it. Throws "engine.unsupported" where a build with `options` could not run it.
graph::Graph prepare_graph(const Model& model, const EngineContext& context, const InputShape& shape,
                           const BuildOptions& options);

}  // namespace peregrine::engine_cache
