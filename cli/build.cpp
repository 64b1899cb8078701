// `peregrine build`: engines into the store, verified.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "base/output_file.h"
#include "base/text.h"
#include "common.h"
#include "console.h"
#include "engine_json.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "pipeline/model_engine.h"
#include "progress.h"
#include "provision/engine_file.h"
#include "provision/provision.h"
#include "source/source.h"

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

/// A graph's batch where the engine's is open: a prime that no other extent of a model has.
constexpr int stand_in_batch = 9973;

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
  return BatchRange{parse_count(view.substr(0, first), text),
                    parse_count(first == last ? std::string_view{} : view.substr(first + 1, last - first - 1), text),
                    parse_count(view.substr(last + 1), text)};
}

BuildOptions options_of(const Flags& flags, const provision::EngineChoice& choice) {
  BuildOptions options;
  options.batches = parse_range(flags.batch);
  options.optimization_level = flags.optimization_level;
  options.compute_capabilities = flags.compute_capabilities;
  options.timing_cache = flags.timing_cache;
  if (flags.workspace_mebibytes > 0) options.workspace_bytes = flags.workspace_mebibytes << 20;
  const bool of_tensorrt = options.batches || options.optimization_level || !options.compute_capabilities.empty() ||
                           !options.timing_cache.empty() || flags.ultralytics;
  if (of_tensorrt && !choice.builder->name().starts_with("tensorrt"))
    throw Error(
        "usage.engine",
        fmt::format("--batch MIN:OPT:MAX, --opt-level, --compute-capability, --timing-cache and --ultralytics are not for "
                    "the {} engine.",
                    choice.builder->name()),
        "Pass --engine tensorrt or tensorrt-rtx.");
  return options;
}

void print_record(const store::ValidationRecord& record) {
  fmt::print("  verification: {}{}{}\n", store::verdict(record), record.ran ? ", against " + record.reference : "",
             record.note.empty() ? "" : " (" + record.note + ")");
  if (record.ran) fmt::print("  witness: {}\n", printable(to_string(record.witness)));
  for (const store::Check& check : record.checks)
    fmt::print("  {:<40}{:<14.6g}limit {:.4g}{}\n", check.name, check.value, check.limit, check.holds() ? "" : "  FAILED");
  for (const std::string& departure : record.departures) fmt::print("  departs: {}\n", printable(departure));
}

void print_engine(const store::Manifest& manifest, bool built_now) {
  const store::Identity& identity = manifest.identity;
  fmt::print("{}: engine {} ({}, {}, {}), built in {:.1f} s\n", printable(manifest.model.name), manifest.id, identity.engine,
             to_string(manifest.effective_precision), store::to_string(identity.input), manifest.build_seconds);
  if (!built_now)  // otherwise the log has just said it
    for (const std::string& note : manifest.notes) fmt::print("  {}\n", printable(note));
  if (manifest.validation) print_record(*manifest.validation);
}

/// Ultralytics' name for a model's engine, in the working directory.
std::filesystem::path engine_file_of(const std::string& model) {
  return std::filesystem::path(model).filename().replace_extension(".engine");
}

/// One entry of "engines".
nlohmann::ordered_json entry_of(const provision::Obtained& obtained) {
  nlohmann::ordered_json json = to_json(obtained.manifest);
  json["effective_precision"] = to_string(obtained.manifest.effective_precision);
  json["built_now"] = obtained.built;
  json["build_seconds"] = obtained.manifest.build_seconds;
  if (obtained.manifest.validation) json["validation"] = to_json(*obtained.manifest.validation);
  return json;
}

int build(CommonFlags common, const Flags& flags) {
  if (!flags.batch.empty() && !parse_range(flags.batch)) common.settings["BATCH"] = flags.batch;
  const LoadedSettings loaded = start(common);
  const Settings& settings = loaded.settings;
  catch_interrupt();
  if (!flags.out.empty() && flags.models.size() > 1)
    throw Error("usage.out", "--out takes the engine of one model.", "Build one model at a time.");
  const provision::EngineChoice choice = provision::choose_engine_to_build(settings, common.engine);
  const BuildOptions options = options_of(flags, choice);
  const int batch = options.batches ? stand_in_batch : settings.batch;
  store::Store store(settings.store);
  int status = 0;
  nlohmann::ordered_json engines = nlohmann::ordered_json::array();
  for (const std::string& file : flags.models) {
    const Model model = provision::open_model(file);
    provision::Request request{
        .shape = pipeline::input_shape(model.info(), settings.imgsz, batch), .options = options, .rebuild = flags.rebuild};
    request.verification.pictures = source::image_files(flags.images);
    Progress progress("%", common.quiet);
    request.verification.progress = [&](double share, std::string_view what) {
      progress.update(static_cast<std::size_t>(share * 100), 100, fmt::format("{}: {}", model.info().name, what));
      return !interrupted();
    };
    if (flags.ultralytics) {
      const std::filesystem::path path = flags.out.empty() ? engine_file_of(file) : std::filesystem::path(flags.out);
      const store::ValidationRecord record = provision::build_engine_file(model, choice, request, path);
      progress.clear();
      if (!common.quiet) fmt::print("{}: from {}\n", printable(path.native()), printable(model.info().name));
      if (!common.quiet) print_record(record);
      if (record.ran && !record.passed()) status = exit_status("validation");
      continue;
    }
    const provision::Obtained obtained = provision::obtain(store, model, choice, request);
    progress.clear();
    engines.push_back(entry_of(obtained));
    if (!common.quiet && flags.json != "-") print_engine(obtained.manifest, obtained.built);
    const auto& record = obtained.manifest.validation;
    if (record && record->ran && !record->passed()) status = exit_status("validation");
    if (!flags.out.empty()) store.copy_out(obtained.manifest.id, flags.out);
  }
  if (flags.json.empty()) return status;
  const std::string text = nlohmann::ordered_json{{"peregrine", version}, {"engines", std::move(engines)}}.dump(1) + "\n";
  if (flags.json == "-")
    fmt::print("{}", text);
  else
    write_file(flags.json, text);
  return status;
}

}  // namespace

void add_build(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("build", "Build engines into the store and hold them against the FP32 reference");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("models", flags->models, "checkpoints (.pt) or ONNX files")->required()->type_name("MODEL");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  command->add_option("--batch", flags->batch, "pictures that run together (BATCH); TensorRT's engines take a range as well")
      ->type_name("N|MIN:OPT:MAX");
  command->add_option("--workspace", flags->workspace_mebibytes, "memory that a build may try out, in MiB (1024)")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("MIB");
  command->add_option("--opt-level", flags->optimization_level, "TensorRT's engines: how long to look for the fastest, 0 to 5")
      ->check(CLI::Range(0, 5));
  command
      ->add_option("--timing-cache", flags->timing_cache, "TensorRT's engines: measurements kept in this file, not in the store")
      ->type_name("FILE");
  command->add_option("--compute-capability", flags->compute_capabilities, "TensorRT-RTX: cards to build for, as in 89,120")
      ->delimiter(',');
  command->add_option("--images", flags->images, "pictures to compare on; otherwise the built-in scenes")->type_name("DIR");
  command->add_option("--out", flags->out, "put a copy of the engine into this folder as well")->type_name("PATH");
  command->add_option("--json", flags->json, "write what was built and its verification as JSON; - is standard output")
      ->type_name("F|-");
  command->add_flag("--ultralytics", flags->ultralytics,
                    "TensorRT's engines: write NAME.engine (or --out FILE) as Ultralytics reads it, not into the store");
  command->add_flag("--rebuild", flags->rebuild, "build although the engine is there; the old one stays until the new one is");
  command->callback([&common, &status, flags] { status = build(common, *flags); });
}

}  // namespace peregrine::cli
