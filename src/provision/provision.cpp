#include "provision/provision.h"

#include <fmt/format.h>

#include <chrono>

#include "base/log.h"
#include "base/text.h"
#include "engine/store/engine_folder.h"
#include "graph/passes.h"
#include "peregrine/error.h"

namespace peregrine::provision {

namespace {

namespace fs = std::filesystem;

store::InputRange range_of(const Request& request) {
  store::InputRange range{request.shape.batch,  request.shape.batch, request.shape.batch,
                          request.shape.height, request.shape.width, request.any_size};
  if (const auto& batches = request.options.batches) {
    range.batch_min = batches->min;
    range.batch_opt = batches->opt;
    range.batch_max = batches->max;
  }
  return range;
}

BuildOptions build_options(const EngineChoice& choice, const Request& request) {
  BuildOptions options = request.options;
  options.precision = choice.precision;
  options.device = choice.device;
  options.dynamic_size = request.any_size;
  return options;
}

/// The shape at which an engine is verified: an open batch runs at its best one, any size with one picture.
InputShape shape_of(const store::InputRange& range) { return {range.any_size ? 1 : range.batch_opt, range.height, range.width}; }

store::ValidationRecord verify_plan(const Plan& plan, const Model& model, const EngineChoice& choice,
                                    const store::InputRange& range, const VerificationOptions& options) {
  if (const std::string why = choice.builder->cannot_run(choice.device); !why.empty()) return not_run(choice, why);
  const auto engine = choice.builder->load(plan, choice.device);
  return verify(*engine, model, choice, shape_of(range), options);
}

/// Told of the build up to the middle, of the verification behind it.
VerificationOptions second_half(const VerificationOptions& options) {
  VerificationOptions half = options;
  if (options.progress)
    half.progress = [&options](double share, std::string_view what) { return options.progress(0.5 + share / 2, what); };
  return half;
}

}  // namespace

store::ValidationRecord not_run(const EngineChoice& choice, const std::string& why) {
  return {.ran = false,
          .reference = {},
          .driver = choice.driver,
          .date = store::utc_now(),
          .images = 0,
          .objects = 0,
          .checks = {},
          .note = why,
          .witness = {.note = "built, not run"}};
}

namespace {

Model open_folder(const fs::path& path) {
  store::Manifest manifest = store::read_manifest_of(path);
  ModelInfo info = manifest.model;
  info.path = printable(path.native());
  info.sha256 = manifest.identity.model_sha256;
  const store::InputRange& input = manifest.identity.input;
  info.image_height = input.height;
  info.image_width = input.width;
  info.dynamic_shape = input.any_size;
  info.fixed_batch = input.any_size || input.batch_min != input.batch_max ? 0 : input.batch_max;
  const auto no_graph = [name = info.name](const InputShape&) -> graph::Graph {
    throw Error("model.engine", fmt::format("The engine of {} is all there is of it: no other can be made.", name),
                "Give the model's file.");
  };
  return {std::move(info), no_graph, path};
}

}  // namespace

Model open_model(const fs::path& path, const std::optional<TaskHint>& told) {
  if (!fs::is_directory(path)) return load_model(path, told);
  Model model = open_folder(path);
  require_told_task(model.info(), told);
  return model;
}

Model open_model_expecting(const fs::path& path, const TaskHint& expected) {
  return fs::is_directory(path) ? open_folder(path) : load_model_expecting(path, expected);
}

bool is_engine(const Model& model) { return fs::is_directory(model.origin()); }

graph::Graph prepare_graph(const Model& model, const EngineChoice& choice, const InputShape& shape) {
  graph::Graph graph = model.graph(shape);
  graph::run_passes(graph);
  if (const auto reasons = choice.builder->unsupported(graph); !reasons.empty())
    throw Error("engine.unsupported", fmt::format("The {} engine cannot run {}: {}", choice.builder->name(), model.info().name,
                                                  fmt::join(reasons, " ")));
  return graph;
}

store::Identity identity_of(const Model& model, const EngineChoice& choice, const Request& request) {
  return store::identity_of(model.info(), prepare_graph(model, choice, request.shape), *choice.builder,
                            build_options(choice, request), range_of(request), choice.driver);
}

Obtained obtain(store::Store& store, const Model& model, const EngineChoice& choice, const Request& request) {
  const graph::Graph graph = prepare_graph(model, choice, request.shape);
  const store::InputRange range = range_of(request);
  BuildOptions options = build_options(choice, request);
  if (const auto& told = request.verification.progress)
    options.progress = [&told](double share, std::string_view what) { return told(share / 2, what); };
  const store::Identity identity = store::identity_of(model.info(), graph, *choice.builder, options, range, choice.driver);
  Obtained obtained;
  const auto build = [&] {
    if (const store::Found near = store.find(identity, model.info().name); !near.why.empty()) log::info(near.why);
    log::info(fmt::format("Building {} for the {} engine in {}: this happens once, the engine is kept in {}.", model.info().name,
                          choice.builder->name(), to_string(choice.precision), printable(store.root().native())));
    const auto start = std::chrono::steady_clock::now();
    store::Draft draft{
        .plan = choice.builder->build(graph, options), .model = model.info(), .effective_precision = choice.precision};
    if (choice.builder->cannot_run(choice.device).empty())
      draft.effective_precision = choice.builder->load(draft.plan, choice.device)->precision();
    draft.build_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (request.verify) draft.validation = verify_plan(draft.plan, model, choice, range, second_half(request.verification));
    if (request.rebuild && request.keep_old && draft.validation && draft.validation->ran && !draft.validation->passed())
      throw Error("validation.engine",
                  fmt::format("The new engine of {} {}.", model.info().name, store::verdict(*draft.validation)),
                  "The old one stays. Look at what departs with `peregrine explain`, or set [limits] in the settings file.");
    obtained.built = true;
    obtained.verified = request.verify;
    return draft;
  };
  obtained.manifest =
      store.obtain(identity, build, request.rebuild, [] { log::info("Another process builds this engine: waiting for it."); });
  const auto& record = obtained.manifest.validation;
  const bool stands = record && (!record->ran || record->driver == choice.driver);
  if (!obtained.built && request.verify && !stands) {
    if (record) log::info(fmt::format("Engine {} was verified under another driver: verifying it again.", obtained.manifest.id));
    obtained.manifest = verify_again(store, obtained.manifest, model, choice, request.verification);
    obtained.verified = true;
  }
  return obtained;
}

store::ValidationRecord verify_kept(const store::Store& store, const store::Manifest& manifest, const Model& model,
                                    const EngineChoice& choice, const VerificationOptions& options) {
  const store::Loaded kept = load(store, manifest.id, choice, store::Trust::unverified);
  return verify_plan(kept.plan, model, choice, manifest.identity.input, options);
}

store::Manifest verify_again(store::Store& store, const store::Manifest& manifest, const Model& model, const EngineChoice& choice,
                             const VerificationOptions& options) {
  store.record_validation(manifest.id, verify_kept(store, manifest, model, choice, options));
  return store.show(manifest.id);
}

store::Environment environment_of(const EngineChoice& choice) {
  return {choice.builder->library_versions(), choice.builder->device_name(choice.device), choice.driver};
}

store::Loaded load(const store::Store& store, const std::string& id, const EngineChoice& choice, store::Trust trust) {
  return store.load(id, environment_of(choice), trust);
}

}  // namespace peregrine::provision
