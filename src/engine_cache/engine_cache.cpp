#include "engine_cache/engine_cache.h"

#include <fmt/format.h>

#include <chrono>

#include "core/log.h"
#include "core/text.h"
#include "engine_cache/store/engine_folder.h"
#include "graph/passes.h"
#include "peregrine/error.h"

namespace peregrine::engine_cache {

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

BuildOptions build_options(const EngineContext& context, const Request& request) {
  BuildOptions options = request.options;
  options.precision = context.precision;
  options.device = context.device;
  options.dynamic_size = request.any_size;
  return options;
}

/// The shape at which an engine is verified: an open batch runs at its best one, any size with one image.
InputShape shape_of(const store::InputRange& range) {
  return {range.any_size ? 1 : range.batch_opt, range.height, range.width};
}

store::ValidationRecord verify_plan(const Plan& plan, const Model& model, const EngineContext& context,
                                    const store::InputRange& range, const VerificationOptions& options) {
  if (const std::string why = context.builder->cannot_run(context.device); !why.empty())
    return not_run(context, why);
  const auto engine = context.builder->load(plan, context.device);
  return verify(*engine, model, context, shape_of(range), options);
}

/// Told of the build up to the middle, of the verification behind it.
VerificationOptions second_half(const VerificationOptions& options) {
  VerificationOptions half = options;
  if (options.progress)
    half.progress = [&options](double share, std::string_view what) {
      return options.progress(0.5 + share / 2, what);
    };
  return half;
}

}  // namespace

store::ValidationRecord not_run(const EngineContext& context, const std::string& why) {
  return {.ran = false,
          .reference = {},
          .driver = context.driver,
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
    throw Error("model.engine",
                fmt::format("The engine of {} is all there is of it: no other can be made.", name),
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

namespace {

graph::Graph optimized_graph(const Model& model, const InputShape& shape) {
  graph::Graph graph = model.graph(shape);
  graph::run_passes(graph);
  return graph;
}

void require_supported(const graph::Graph& graph, const Model& model, const EngineContext& context,
                       const BuildOptions& options) {
  if (const auto reasons = context.builder->unsupported(graph, options); !reasons.empty())
    throw Error("engine.unsupported", fmt::format("The {} engine cannot run {}: {}", context.builder->name(),
                                                  model.info().name, fmt::join(reasons, " ")));
}

}  // namespace

graph::Graph prepare_graph(const Model& model, const EngineContext& context, const InputShape& shape,
                           const BuildOptions& options) {
  graph::Graph graph = optimized_graph(model, shape);
  require_supported(graph, model, context, options);
  return graph;
}

void require_supported(const Model& model, const EngineContext& context, const Request& request) {
  (void)prepare_graph(model, context, request.shape, build_options(context, request));
}

store::EngineIdentity identity_of(const Model& model, const EngineContext& context, const Request& request) {
  const BuildOptions options = build_options(context, request);
  return store::identity_of(model.info(), optimized_graph(model, request.shape), *context.builder, options,
                            range_of(request), context.driver);
}

namespace {

/// With somebody who is told of it, where the context has one.
Request told(const Request& request, const EngineContext& context, const std::string& model) {
  Request with = request;
  if (!with.verification.progress && context.progress)
    with.verification.progress = [&context, model](double share, std::string_view what) {
      return context.progress(share, fmt::format("{}: {}", model, what));
    };
  return with;
}

void announce_build(const std::string& model, const EngineContext& context, const store::Store& store) {
  const std::string time = usual_build_time(*context.builder);
  if (context.automatic && context.builder->has_long_builds())
    log::warning(
        fmt::format("{}: the engine \"auto\" is TensorRT here, whose builds take {}. --engine cuda "
                    "builds Peregrine's own engine instead, in about a minute.",
                    model, time));
  log::info(fmt::format("Building {} for the {} engine in {}{}: this happens once, the engine is kept in {}.",
                        model, context.builder->name(), to_string(context.precision),
                        time.empty() ? "" : fmt::format(", which takes {}", time),
                        printable(store.root().native())));
}

}  // namespace

CachedEngine get_or_build(store::Store& store, const Model& model, const EngineContext& context,
                          const Request& wanted) {
  const Request request = told(wanted, context, model.info().name);
  BuildOptions options = build_options(context, request);
  const graph::Graph graph = optimized_graph(model, request.shape);
  const store::InputRange range = range_of(request);
  if (const auto& progress = request.verification.progress)
    options.progress = [&progress](double share, std::string_view what) { return progress(share / 2, what); };
  const store::EngineIdentity identity =
      store::identity_of(model.info(), graph, *context.builder, options, range, context.driver);
  CachedEngine cached_engine;
  const auto build = [&] {
    require_supported(graph, model, context, options);
    if (const store::Found near = store.find(identity, model.info().name); !near.why.empty())
      log::info(near.why);
    announce_build(model.info().name, context, store);
    const auto start = std::chrono::steady_clock::now();
    store::StagedEngine staged{.plan = context.builder->build(graph, options),
                               .model = model.info(),
                               .effective_precision = context.precision};
    if (context.builder->cannot_run(context.device).empty())
      staged.effective_precision = context.builder->load(staged.plan, context.device)->precision();
    staged.build_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (request.verify)
      staged.validation = verify_plan(staged.plan, model, context, range, second_half(request.verification));
    if (request.rebuild && request.keep_old && staged.validation && staged.validation->ran &&
        !staged.validation->passed())
      throw Error(
          "validation.engine",
          fmt::format("The new engine of {} {}.", model.info().name, store::verdict(*staged.validation)),
          "The old one stays. Look at what deviates with `peregrine explain`, or set [limits] in the "
          "settings file.");
    cached_engine.built = true;
    cached_engine.verified = request.verify;
    return staged;
  };
  cached_engine.manifest = store.get_or_build(identity, build, request.rebuild, [] {
    log::info("Another process builds this engine: waiting for it.");
  });
  const auto& record = cached_engine.manifest.validation;
  const bool stands = record && (!record->ran || record->driver == context.driver);
  if (!cached_engine.built && request.verify && !stands) {
    if (record)
      log::info(fmt::format("Engine {} was verified under another driver: verifying it again.",
                            cached_engine.manifest.id));
    cached_engine.manifest =
        verify_again(store, cached_engine.manifest, model, context, request.verification);
    cached_engine.verified = true;
  }
  return cached_engine;
}

store::ValidationRecord verify_cached(const store::Store& store, const store::Manifest& manifest,
                                      const Model& model, const EngineContext& context,
                                      const VerificationOptions& options) {
  const store::LoadedEngine kept = load(store, manifest.id, context, store::Trust::unverified);
  return verify_plan(kept.plan, model, context, manifest.identity.input, options);
}

store::Manifest verify_again(store::Store& store, const store::Manifest& manifest, const Model& model,
                             const EngineContext& context, const VerificationOptions& options) {
  store.record_validation(manifest.id, verify_cached(store, manifest, model, context, options));
  return store.show(manifest.id);
}

store::BuildEnvironment environment_of(const EngineContext& context) {
  return {context.builder->library_versions(), context.builder->device_name(context.device), context.driver};
}

store::LoadedEngine load(const store::Store& store, const std::string& id, const EngineContext& context,
                         store::Trust trust) {
  return store.load(id, environment_of(context), trust);
}

}  // namespace peregrine::engine_cache
