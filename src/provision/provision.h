// An engine for a model, out of the store: built, held against the FP32 reference and kept the first time.
//
//   store::Store store(settings.store);
//   const EngineChoice choice = choose_engine(settings, "auto");
//   const Model model = open_model("yolo11n.pt");
//   const Obtained obtained = obtain(store, model, choice, {.shape = {1, 640, 640}});
//   auto engine = choice.builder->load(load(store, obtained.manifest.id, choice, store::Trust::verified).plan, choice.device);
#pragma once

#include <filesystem>

#include "engine/store/store.h"
#include "model/model.h"
#include "provision/engine_choice.h"
#include "provision/verification.h"

namespace peregrine::provision {

/// A model file, or the folder of an engine (in the store, or a copy of it): such a model knows what it is,
/// but has no graph. `told` as load_model() takes it.
Model open_model(const std::filesystem::path& path, const std::optional<TaskHint>& told = {});
/// The same as load_model_expecting().
Model open_model_expecting(const std::filesystem::path& path, const TaskHint& expected);
/// The model is an engine's folder.
bool is_engine(const Model& model);

struct Request {
  InputShape shape{};                  ///< with BuildOptions::batches, the batch is a stand-in
  bool any_size = false;               ///< openvino: one engine for any batch, height and width
  BuildOptions options{};              ///< precision, device, dynamic_size and progress are filled in by obtain()
  bool rebuild = false;                ///< build in any case; the old engine stays until the new one takes its place
  bool keep_old = false;               ///< rebuild: one that fails its verification takes no place (Error "validation.engine")
  bool verify = true;                  ///< compare with the FP32 reference where there is no record for this driver
  VerificationOptions verification{};  ///< its progress is told of the build as well
};

struct Obtained {
  store::Manifest manifest;
  bool built = false, verified = false;  ///< now, not earlier
};

/// Finds the engine in the store or builds it, and verifies it; what fails its verification is kept with its record.
/// Where the builder cannot run its plans here, the record says "built, not run". Throws "engine.unsupported" naming the
/// nodes that the engine cannot run, and what Builder::build and the store throw; after an error the store is as it was.
Obtained obtain(store::Store& store, const Model& model, const EngineChoice& choice, const Request& request);

/// What obtain() looks for, or builds. Throws as prepare_graph() does.
store::Identity identity_of(const Model& model, const EngineChoice& choice, const Request& request);

/// Compares a kept engine with the reference; its record stays as it is.
store::ValidationRecord verify_kept(const store::Store& store, const store::Manifest& manifest, const Model& model,
                                    const EngineChoice& choice, const VerificationOptions& options);
/// The same, and replaces the record.
store::Manifest verify_again(store::Store& store, const store::Manifest& manifest, const Model& model, const EngineChoice& choice,
                             const VerificationOptions& options);

/// The record of an engine that the machine cannot run: "built, not run".
store::ValidationRecord not_run(const EngineChoice& choice, const std::string& why);

/// What the store must match for `choice`.
store::Environment environment_of(const EngineChoice& choice);
store::Loaded load(const store::Store& store, const std::string& id, const EngineChoice& choice, store::Trust trust);

/// The graph as builders get it. Throws "engine.unsupported".
graph::Graph prepare_graph(const Model& model, const EngineChoice& choice, const InputShape& shape);

}  // namespace peregrine::provision
