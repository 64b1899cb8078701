// `peregrine build`: engines into the store, verified.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/text.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/engine_file.h"
#include "engine_json.h"
#include "engine_progress.h"
#include "formats/onnx/write/writer.h"
#include "json_output.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "predictor/models/model_engine.h"
#include "stages/source/source.h"

namespace peregrine::cli {

namespace {

struct Flags {
  std::vector<std::string> models, images;
  std::string out, batch, timing_cache, json;
  std::size_t workspace_mebibytes = 0;
  std::optional<int> optimization_level;
  std::vector<int> compute_capabilities;
  bool ultralytics = false;
  bool rebuild = false;
};

int parse_count(std::string_view text, const std::string& whole) {
  int count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc{} || end != text.data() + text.size() || count < 1)
    throw Error("usage.batch", fmt::format("--batch is \"{}\".", printable(whole)),
                "Give it a positive number, or MIN:OPT:MAX for TensorRT's engines.");
  return count;
}

/// "1:4:16"; nothing for one number, which is the setting BATCH.
std::optional<BatchRange> parse_range(const std::string& text) {
  const std::size_t first = text.find(':'), last = text.rfind(':');
  if (first == std::string::npos) return std::nullopt;
  const std::string_view view = text;
  return BatchRange{
      parse_count(view.substr(0, first), text),
      parse_count(first == last ? std::string_view{} : view.substr(first + 1, last - first - 1), text),
      parse_count(view.substr(last + 1), text)};
}

BuildOptions options_of(const Flags& flags, const engine_cache::EngineContext& context) {
  BuildOptions options;
  options.batches = parse_range(flags.batch);
  options.optimization_level = flags.optimization_level;
  options.compute_capabilities = flags.compute_capabilities;
  options.timing_cache = flags.timing_cache;
  if (flags.workspace_mebibytes > 0) options.workspace_bytes = flags.workspace_mebibytes << 20;
  const bool of_tensorrt = options.batches || options.optimization_level ||
                           !options.compute_capabilities.empty() || !options.timing_cache.empty() ||
                           flags.ultralytics;
  if (of_tensorrt && !context.builder->name().starts_with("tensorrt"))
    throw Error("usage.engine",
                fmt::format("--batch MIN:OPT:MAX, --opt-level, --compute-capability, --timing-cache and "
                            "--ultralytics are not for "
                            "the {} engine.",
                            context.builder->name()),
                "Pass --engine tensorrt or tensorrt-rtx.");
  return options;
}

void print_record(const store::ValidationRecord& record) {
  fmt::print("  verification: {}{}{}\n", store::verdict(record),
             record.ran ? ", against " + record.reference : "",
             record.note.empty() ? "" : " (" + record.note + ")");
  if (record.ran) fmt::print("  witness: {}\n", printable(to_string(record.witness)));
  for (const store::ValidationCheck& check : record.checks)
    fmt::print("  {:<40}{:<14.6g}limit {:.4g}{}\n", check.name, check.value, check.limit,
               check.holds() ? "" : "  FAILED");
  for (const std::string& mismatch : record.mismatches) fmt::print("  deviates: {}\n", printable(mismatch));
}

void print_engine(const store::Manifest& manifest, bool built_now) {
  const store::EngineIdentity& identity = manifest.identity;
  fmt::print("{}: engine {} ({}, {}, {}), built in {:.1f} s\n", printable(manifest.model.name), manifest.id,
             identity.engine, to_string(manifest.effective_precision), store::to_string(identity.input),
             manifest.build_seconds);
  if (!built_now)  // otherwise the log has just said it
    for (const std::string& note : manifest.notes) fmt::print("  {}\n", printable(note));
  if (manifest.validation) print_record(*manifest.validation);
}

/// Ultralytics' name for a model's engine, in the working directory.
std::filesystem::path engine_file_of(const std::string& model) {
  return std::filesystem::path(model).filename().replace_extension(".engine");
}

/// One entry of "engines".
nlohmann::ordered_json entry_of(const engine_cache::CachedEngine& cached_engine) {
  nlohmann::ordered_json json = to_json(cached_engine.manifest);
  json["effective_precision"] = to_string(cached_engine.manifest.effective_precision);
  json["built_now"] = cached_engine.built;
  json["build_seconds"] = cached_engine.manifest.build_seconds;
  if (cached_engine.manifest.validation) json["validation"] = to_json(*cached_engine.manifest.validation);
  return json;
}

/// What all models of a command are built with.
struct Job {
  const Flags& flags;
  bool quiet, print;  ///< `print`: standard output has no JSON
  const Settings& settings;
  engine_cache::EngineContext context;
  BuildOptions options;
};

engine_cache::Request request_for(const Job& job, const Model& model, EngineProgress& progress) {
  const int batch = job.options.batches ? onnx::open_batch_stand_in : job.settings.batch;
  engine_cache::Request request{.shape = predictor::input_shape(model.info(), job.settings.imgsz, batch),
                                .options = job.options,
                                .rebuild = job.flags.rebuild};
  request.verification.images = source::image_files(job.flags.images);
  request.verification.progress = [tell = progress.callback(), name = model.info().name](
                                      double share, std::string_view what) {
    return tell(share, fmt::format("{}: {}", name, what));
  };
  return request;
}

/// Exit status of one model.
int status_of(const store::ValidationRecord& record) {
  return record.ran && !record.passed() ? exit_status("validation") : 0;
}

int build_for_ultralytics(const Job& job, const Model& model, const std::string& file) {
  EngineProgress progress(job.quiet);
  const std::filesystem::path path =
      job.flags.out.empty() ? engine_file_of(file) : std::filesystem::path(job.flags.out);
  const auto record =
      engine_cache::build_engine_file(model, job.context, request_for(job, model, progress), path);
  progress.clear();
  if (job.print) fmt::print("{}: from {}\n", printable(path.native()), printable(model.info().name));
  if (job.print) print_record(record);
  return status_of(record);
}

int build_into_store(const Job& job, store::Store& store, const Model& model,
                     nlohmann::ordered_json& engines) {
  EngineProgress progress(job.quiet);
  const engine_cache::CachedEngine cached_engine =
      engine_cache::get_or_build(store, model, job.context, request_for(job, model, progress));
  progress.clear();
  engines.push_back(entry_of(cached_engine));
  if (job.print) print_engine(cached_engine.manifest, cached_engine.built);
  if (!job.flags.out.empty()) store.copy_out(cached_engine.manifest.id, job.flags.out);
  return cached_engine.manifest.validation ? status_of(*cached_engine.manifest.validation) : 0;
}

int run_build(CommonFlags common, const Flags& flags, OutputGuard& guard, nlohmann::ordered_json& engines) {
  if (!flags.batch.empty() && !parse_range(flags.batch)) common.settings["BATCH"] = flags.batch;
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  guard.check();
  catch_interrupt();
  if (!flags.out.empty() && flags.models.size() > 1)
    throw Error("usage.out", "--out takes the engine of one model.", "Build one model at a time.");
  EngineProgress probing(common.quiet || common.log_json);
  Job job{.flags = flags,
          .quiet = common.quiet,
          .print = !common.quiet && flags.json != "-",
          .settings = loaded.settings,
          .context = engine_cache::choose_engine_to_build(loaded.settings, common.engine, probing.callback()),
          .options = {}};
  probing.clear();
  job.options = options_of(flags, job.context);
  store::Store store(loaded.settings.store);
  int status = 0;
  for (std::size_t i = 0; i < flags.models.size(); ++i) {
    const Model model =
        engine_cache::open_model(flags.models[i], task_hint(loaded.settings, i, flags.models.size()));
    const int own = flags.ultralytics ? build_for_ultralytics(job, model, flags.models[i])
                                      : build_into_store(job, store, model, engines);
    if (own != 0) status = own;
  }
  const nlohmann::ordered_json document{{"peregrine", version}, {"engines", engines}};
  write_json(flags.json,
             document.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  return status;
}

/// Every file that the command may leave, beside those of the store.
void add_outputs(OutputGuard& guard, const Flags& flags) {
  guard.writes(flags.json, "--json");
  guard.writes(flags.timing_cache, "--timing-cache");
  guard.writes(flags.out, "--out");
  if (!flags.out.empty() && !flags.ultralytics)
    guard.writes(std::filesystem::path(flags.out) / "manifest.json", "--out");
  if (flags.out.empty() && flags.ultralytics)
    for (const std::string& model : flags.models) guard.writes(engine_file_of(model), "--ultralytics");
}

int build(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, {flags.models.begin(), flags.models.end()});
  add_sources(guard, flags.images);
  add_outputs(guard, flags);
  guard.check();
  nlohmann::ordered_json engines = nlohmann::ordered_json::array();
  return with_json_errors(
      flags.json, [&] { return run_build(common, flags, guard, engines); },
      [&] {
        return nlohmann::ordered_json{{"engines", engines}};
      });
}

}  // namespace

void add_build(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand(
      "build", "Build engines into the store and validate them against the FP32 reference");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("models", flags->models, "checkpoints (.pt) or ONNX files")
      ->required()
      ->type_name("MODEL");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  command
      ->add_option("--batch", flags->batch,
                   "images that run together (BATCH); TensorRT's engines take a range as well")
      ->type_name("N|MIN:OPT:MAX");
  command
      ->add_option("--workspace", flags->workspace_mebibytes,
                   "memory that a build may try out, in MiB (1024)")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("MIB");
  command
      ->add_option("--opt-level", flags->optimization_level,
                   "TensorRT's engines: how long to look for the fastest, 0 to 5")
      ->check(CLI::Range(0, 5));
  command
      ->add_option("--timing-cache", flags->timing_cache,
                   "TensorRT's engines: measurements kept in this file, not in the store")
      ->type_name("FILE");
  command
      ->add_option("--compute-capability", flags->compute_capabilities,
                   "TensorRT-RTX: cards to build for, as in 89,120")
      ->delimiter(',');
  command->add_option("--images", flags->images, "images to compare on; otherwise the built-in sample images")
      ->type_name("DIR");
  command->add_option("--out", flags->out, "put a copy of the engine into this folder as well")
      ->type_name("PATH");
  command
      ->add_option("--json", flags->json,
                   "write what was built and its verification as JSON; - is standard output")
      ->type_name("F|-");
  command->add_flag(
      "--ultralytics", flags->ultralytics,
      "TensorRT's engines: write NAME.engine (or --out FILE) as Ultralytics reads it, not into the store");
  command->add_flag("--rebuild", flags->rebuild,
                    "build although the engine is there; the old one stays until the new one is");
  command->callback([&common, &status, flags] { status = build(common, *flags); });
}

}  // namespace peregrine::cli
