// How long an image takes, how many go through a second, and what memory it needs: warm, per stage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "bench_baseline.h"
#include "bench_memory.h"
#include "bench_report.h"
#include "bench_work.h"
#include "choice.h"
#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/task/task_traits.h"
#include "engine_cache/store/store.h"
#include "engine_progress.h"
#include "formats/model.h"
#include "json_output.h"
#if PEREGRINE_CUDA
#include "engine_cache/engine_context.h"
#include "predictor/gpu/gpu_model.h"
#include "predictor/models/model_engine.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/layer_times.h"
#include "graph/passes.h"
#include "predictor/models/model_engine.h"
#endif

namespace peregrine::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  PipelineOptions options;
  std::vector<int> batches;
  std::vector<std::string> sources;
  int runs = 50;
  bool layers = false;
  std::string json;
  std::optional<migrate::Baseline> baseline;
  std::string python;
};

constexpr int warm_up_runs = 20;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<Layer> layers_of(const Settings& settings, [[maybe_unused]] const Flags& flags,
                             const std::filesystem::path& file, const RunInfo& info) {
#if PEREGRINE_OPENVINO
  if (info.engine == "openvino") {
    const Model model = load_model(file, task_hint(settings, 0, 1));
    graph::Graph graph = model.graph(predictor::input_shape(model.info(), settings.imgsz, settings.batch));
    graph::run_passes(graph);
    std::vector<Layer> layers;
    for (const LayerTime& layer : openvino_layer_times(graph, info.precision, flags.runs))
      layers.push_back({layer.name, layer.what + ", " + layer.kernel, layer.microseconds / 1000});
    return layers;
  }
#endif
#if PEREGRINE_CUDA
  if (info.engine == "cuda") {
    const Model model = load_model(file, task_hint(settings, 0, 1));
    predictor::GpuEngine engine(model,
                                engine_cache::choose_engine(settings, info.engine, flags.options.progress),
                                predictor::input_shape(model.info(), settings.imgsz, settings.batch));
    std::vector<Layer> layers;
    for (const LayerTime& layer : engine.time_layers())
      layers.push_back({layer.name, layer.what + ", " + layer.kernel, layer.microseconds / 1000,
                        layer.least_microseconds / 1000});
    return layers;
  }
#endif
  throw Error("usage.layers",
              fmt::format("{}: the {} engine does not tell its layers' times.", file.filename().string(),
                          info.engine),
              "Leave out --layers.");
}

/// What is in the store: when it has not grown, nothing was built.
std::size_t engines_kept(const Settings& settings) { return store::Store(settings.store).list().size(); }

/// Detectors, or ReID alone.
std::unique_ptr<Work> open_work(const Settings& settings, const Flags& flags,
                                const std::filesystem::path& model, bool reid) {
  if (reid) return std::make_unique<ReidWork>(settings, flags.options, model, flags.sources);
  PipelineOptions options = flags.options;
  options.models = {model};
  return std::make_unique<DetectorWork>(settings, options, flags.sources);
}

/// With what --task says of this one of the models.
Settings settings_of(Settings settings, std::size_t model, std::size_t models) {
  const std::optional<TaskHint> told = task_hint(settings, model, models);
  settings.tasks.clear();
  if (told) settings.tasks.push_back(*told);
  return settings;
}

/// `device`: nothing before the first measurement of this process.
Measurement measure(Settings settings, const Flags& flags, const std::filesystem::path& model, int batch,
                    std::optional<DeviceMemory>& device) {
  settings.batch = batch;
  const bool reid = traits_of(load_model(model, task_hint(settings, 0, 1)).info()).embeds;
  const std::size_t kept = engines_kept(settings);
  auto start = Clock::now();
  if (!device) device.emplace(settings);
  std::unique_ptr<Work> work = open_work(settings, flags, model, reid);
  if (engines_kept(settings) != kept) {  // the first time engines are built: no start-up is like that again
    work.reset();
    restart_peak();
    start = Clock::now();
    work = open_work(settings, flags, model, reid);
  }
  work->run();
  Measurement measured;
  measured.model = model.filename().string();
  measured.batch = batch;
  measured.start_up_ms = milliseconds_since(start);
  for (int i = 1; i < warm_up_runs; ++i) work->run();
  measured.device_mib = device->taken();
  for (int i = 0; i < flags.runs; ++i) {
    if (interrupted()) throw Error("interrupted", "Interrupted; nothing was measured to the end.");
    const auto begin = Clock::now();
    const std::vector<ImageResult> results = work->run();
    measured.latencies.push_back(milliseconds_since(begin));
    measured.objects = 0;
    const double share = 1.0 / (static_cast<double>(results.size()) * flags.runs);
    for (const ImageResult& result : results) {
      measured.objects += result.objects.size();
      measured.stages.decode += result.time_ms.decode * share;
      measured.stages.preprocess += result.time_ms.preprocess * share;
      measured.stages.inference += result.time_ms.inference * share;
      measured.stages.postprocess += result.time_ms.postprocess * share;
    }
  }
  std::ranges::sort(measured.latencies);
  measured.peak_mib = peak_resident_mib();
  measured.info = work->info();
  if (flags.layers) measured.layers = layers_of(settings, flags, model, measured.info);
  return measured;
}

int run_bench(const CommonFlags& common, Flags flags, OutputGuard& guard) {
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  guard.check();
  catch_interrupt();
  flags.options.engine = common.engine;
  if (flags.batches.empty()) flags.batches = {loaded.settings.batch};
  const auto& models = flags.options.models;
  if (flags.baseline) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      migrate::SpeedRequest request{.model = models[i],
                                    .settings = settings_of(loaded.settings, i, models.size()),
                                    .engine = common.engine,
                                    .batches = flags.batches};
      request.runs = flags.runs;
      request.images.assign(flags.sources.begin(), flags.sources.end());
      request.baseline = *flags.baseline;
      request.python = flags.python;
      bench_beside_baseline(std::move(request), common.quiet);
    }
    return 0;
  }
  EngineProgress engines(common.quiet || common.log_json);
  flags.options.progress = engines.callback();
  std::vector<Measurement> measurements;
  std::optional<DeviceMemory> device;
  for (std::size_t i = 0; i < models.size(); ++i)
    for (const int batch : flags.batches)
      measurements.push_back(
          measure(settings_of(loaded.settings, i, models.size()), flags, models[i], batch, device));
  const BenchConditions conditions{!flags.sources.empty(), flags.options.rect, flags.runs};
  engines.clear();
  if (flags.json != "-" && !common.quiet) print_table(measurements, conditions);
  write_json(flags.json, to_json(measurements, conditions));
  return 0;
}

int bench(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, flags.options.models);
  add_sources(guard, flags.sources);
  guard.writes(flags.json, "--json");
  guard.check();
  return with_json_errors(flags.json, [&] { return run_bench(common, flags, guard); });
}

}  // namespace

void add_bench(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("bench", "Measure latency, throughput, start-up and memory");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command
      ->add_option("--model", flags->options.models,
                   "checkpoint (.pt) or ONNX file; repeat to measure several, one by one")
      ->required()
      ->type_name("FILE");
  command->add_option("--batch", flags->batches, "batch sizes (BATCH)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("LIST");
  command
      ->add_option("--source", flags->sources,
                   "image files to run; without: one generated image, already decoded")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command->add_option("--runs", flags->runs, "measured runs, after 20 to warm up")
      ->check(CLI::PositiveNumber);
  auto* baseline = add_choice<migrate::Baseline>(
      *command, "--baseline", flags->baseline,
      {{"auto", migrate::Baseline::automatic},
       {"pytorch", migrate::Baseline::pytorch},
       {"fp32", migrate::Baseline::fp32}},
      "beside PyTorch in your own Python (auto: or the FP32 engine), each in a process");
  command->add_option("--python", flags->python, "the Python of your PyTorch pipeline")
      ->needs(baseline)
      ->type_name("PATH");
  command->add_flag("--layers", flags->layers, "the time of every layer as well (openvino and cuda engines)")
      ->excludes(baseline);
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  command
      ->add_flag("--unverified", flags->options.unverified,
                 "measure engines, too, that did not pass their verification")
      ->excludes(baseline);
  command->add_flag("--rect", flags->options.rect, "pad only to the next multiple of the stride")
      ->excludes(baseline);
  command->add_option("--json", flags->json, "write the figures as JSON; - is standard output")
      ->excludes(baseline)
      ->type_name("FILE");
  command->callback([&common, &status, flags] { status = bench(common, *flags); });
}

}  // namespace peregrine::cli
