// How long a picture takes, how many go through a second, and what memory it needs: warm, per stage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>

#include "base/output_file.h"
#include "bench_baseline.h"
#include "bench_report.h"
#include "choice.h"
#include "common.h"
#include "console.h"
#include "peregrine/pipeline.h"
#if PEREGRINE_CUDA
#include "base/cuda/device.h"
#include "model/model.h"
#include "pipeline/gpu_model.h"
#include "pipeline/model_engine.h"
#include "provision/engine_choice.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/layer_times.h"
#include "graph/passes.h"
#include "model/model.h"
#include "pipeline/model_engine.h"
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
constexpr double mebibyte = 1 << 20;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// From here on the kernel counts the peak of resident memory anew (where it lets us).
void restart_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kibibytes = 0;
      status >> kibibytes;
      return kibibytes / 1024;
    }
  return 0;
}

/// Bytes in use on the device as the driver counts them, by all programs.
std::optional<double> device_mib(const Settings& settings) {
#if PEREGRINE_CUDA
  if (cuda::device_count() == 0) return std::nullopt;
  const cuda::DeviceScope scope(settings.device);
  std::size_t free = 0, total = 0;
  cuda::check(cuda::runtime().memory_info(&free, &total), "cudaMemGetInfo", to_string(Device::cuda(settings.device)));
  return static_cast<double>(total - free) / mebibyte;
#else
  (void)settings;
  return std::nullopt;
#endif
}

/// Without --source: a picture of waves, already decoded.
HostImage generated_picture() {
  HostImage image{1280, 720, PixelOrder::bgr, std::vector<std::uint8_t>(std::size_t{1280} * 720 * 3)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(128 + static_cast<int>(i * 7 % 1280 / 16) - static_cast<int>(i / 3840 % 97));
  return image;
}

/// Runs one batch: the files, or the generated picture.
class Work {
 public:
  Work(Pipeline& pipeline, const std::vector<std::string>& sources, int batch)
      : pipeline_(pipeline), from_files_(!sources.empty()), picture_(generated_picture()) {
    for (int i = 0; i < batch && from_files_; ++i) files_.push_back(sources[static_cast<std::size_t>(i) % sources.size()]);
    views_.assign(static_cast<std::size_t>(batch), picture_.view());
  }

  std::vector<ImageResult> run() {
    if (!from_files_) return pipeline_.run(views_);
    std::vector<ImageResult> results;
    pipeline_.run(files_, [&](const Outcome& outcome) {
      if (outcome.error) throw Error(*outcome.error);
      if (outcome.result) results.push_back(*outcome.result);
      return true;
    });
    return results;
  }

 private:
  Pipeline& pipeline_;
  bool from_files_;
  HostImage picture_;
  std::vector<std::string> files_;
  std::vector<ImageView> views_;
};

std::vector<Layer> layers_of(const Settings& settings, const Flags& flags, const std::filesystem::path& file,
                             const RunInfo& info) {
#if PEREGRINE_OPENVINO
  if (info.engine == "openvino") {
    const Model model = load_model(file);
    graph::Graph graph = model.graph(pipeline::input_shape(model.info(), settings.imgsz, settings.batch));
    graph::run_passes(graph);
    std::vector<Layer> layers;
    for (const LayerTime& layer : openvino_layer_times(graph, info.precision, flags.runs))
      layers.push_back({layer.name, layer.what + ", " + layer.kernel, layer.microseconds / 1000});
    return layers;
  }
#endif
#if PEREGRINE_CUDA
  if (info.engine == "cuda") {
    const Model model = load_model(file);
    pipeline::GpuEngine engine(model, provision::choose_engine(settings, info.engine),
                               pipeline::input_shape(model.info(), settings.imgsz, settings.batch));
    std::vector<Layer> layers;
    for (const LayerTime& layer : engine.time_layers())
      layers.push_back(
          {layer.name, layer.what + ", " + layer.kernel, layer.microseconds / 1000, layer.least_microseconds / 1000});
    return layers;
  }
#endif
  throw Error("usage.layers",
              fmt::format("{}: the {} engine does not tell its layers' times.", file.filename().string(), info.engine),
              "Leave out --layers.");
}

Measurement measure(Settings settings, const Flags& flags, const std::filesystem::path& model, int batch) {
  settings.batch = batch;
  PipelineOptions options = flags.options;
  options.models = {model};
  { const Pipeline builds(settings, options); }  // the first time the engine goes into the store: no start-up is like that again
  const auto device_before = device_mib(settings);
  restart_peak();
  const auto start = Clock::now();
  Pipeline pipeline(settings, options);
  Work work(pipeline, flags.sources, batch);
  work.run();
  Measurement measured;
  measured.model = model.filename().string();
  measured.batch = batch;
  measured.start_up_ms = milliseconds_since(start);
  for (int i = 1; i < warm_up_runs; ++i) work.run();
  if (device_before) measured.device_mib = *device_mib(settings) - *device_before;
  for (int i = 0; i < flags.runs; ++i) {
    if (interrupted()) throw Error("interrupted", "Interrupted; nothing was written.");
    const auto begin = Clock::now();
    const std::vector<ImageResult> results = work.run();
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
  measured.info = pipeline.info();
  if (flags.layers) measured.layers = layers_of(settings, flags, model, measured.info);
  return measured;
}

int bench(const CommonFlags& common, const Flags& given) {
  Flags flags = given;
  const LoadedSettings loaded = start(common);
  catch_interrupt();
  flags.options.engine = common.engine;
  if (flags.batches.empty()) flags.batches = {loaded.settings.batch};
  if (flags.baseline) {
    for (const std::filesystem::path& model : flags.options.models) {
      migrate::SpeedRequest request{
          .model = model, .settings = loaded.settings, .engine = common.engine, .batches = flags.batches};
      request.runs = flags.runs;
      request.pictures.assign(flags.sources.begin(), flags.sources.end());
      request.baseline = *flags.baseline;
      request.python = flags.python;
      bench_beside_baseline(std::move(request), common.quiet);
    }
    return 0;
  }
  std::vector<Measurement> measurements;
  for (const std::filesystem::path& model : flags.options.models)
    for (const int batch : flags.batches) measurements.push_back(measure(loaded.settings, flags, model, batch));
  const BenchConditions conditions{!flags.sources.empty(), flags.options.rect, flags.runs};
  if (flags.json == "-")
    fmt::print("{}", to_json(measurements, conditions));
  else if (!common.quiet)
    print_table(measurements, conditions);
  if (!flags.json.empty() && flags.json != "-") write_file(flags.json, to_json(measurements, conditions));
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("bench", "Measure latency, throughput, start-up and memory");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("--model", flags->options.models, "checkpoint (.pt) or ONNX file; repeat to measure several, one by one")
      ->required()
      ->type_name("FILE");
  command->add_option("--batch", flags->batches, "batch sizes (BATCH)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("LIST");
  command->add_option("--source", flags->sources, "picture files to run; without: one generated picture, already decoded")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command->add_option("--runs", flags->runs, "measured runs, after 20 to warm up")->check(CLI::PositiveNumber);
  auto* baseline = add_choice<migrate::Baseline>(
      *command, "--baseline", flags->baseline,
      {{"auto", migrate::Baseline::automatic}, {"pytorch", migrate::Baseline::pytorch}, {"fp32", migrate::Baseline::fp32}},
      "beside PyTorch in your own Python (auto: or the FP32 engine), each in a process");
  command->add_option("--python", flags->python, "the Python of your PyTorch pipeline")->needs(baseline)->type_name("PATH");
  command->add_flag("--layers", flags->layers, "the time of every layer as well (openvino and cuda engines)")->excludes(baseline);
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  command->add_flag("--rect", flags->options.rect, "pad only to the next multiple of the stride")->excludes(baseline);
  command->add_option("--json", flags->json, "write the figures as JSON; - is standard output")
      ->excludes(baseline)
      ->type_name("FILE");
  command->callback([&common, &status, flags] { status = bench(common, *flags); });
}

}  // namespace peregrine::cli
