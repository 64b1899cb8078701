// How long a picture takes, how many go through a second, and what memory it needs: warm, per stage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "base/output_file.h"
#include "base/text.h"
#include "bench_baseline.h"
#include "common.h"
#include "console.h"
#include "peregrine/pipeline.h"
#include "peregrine/version.h"
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
using Json = nlohmann::ordered_json;

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

struct Layer {
  std::string name, kind;
  double milliseconds = 0;
  double floor = 0;  ///< milliseconds that bytes or arithmetic need on an H100; 0: not known
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

/// One model at one batch.
struct Measurement {
  std::string model;
  int batch = 1;
  double start_up_ms = 0;  ///< from the model's file, its engine in the store, to the first result
  double peak_mib = 0;
  std::optional<double> device_mib;
  RunInfo info;
  std::vector<double> latencies;  ///< milliseconds a batch, rising
  StageTimes stages;              ///< means, milliseconds a picture
  std::size_t objects = 0;        ///< of one run: different numbers mean different work
  std::vector<Layer> layers;      ///< of the engine, milliseconds a run

  double percentile(double share) const {
    const auto last = static_cast<double>(latencies.size() - 1);
    return latencies[static_cast<std::size_t>(std::lround(share * last))];
  }
  double pictures_per_second() const {
    return 1000.0 * batch * static_cast<double>(latencies.size()) / std::accumulate(latencies.begin(), latencies.end(), 0.0);
  }
};

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

/// The most expensive first.
void print_layers(const Measurement& measurement) {
  std::vector<Layer> layers = measurement.layers;
  std::ranges::stable_sort(layers, std::ranges::greater{}, &Layer::milliseconds);
  double sum = 0;
  for (const Layer& layer : layers) sum += layer.milliseconds;
  fmt::print("\n{} batch {}: {} layers, {:.2f} ms\n", printable(measurement.model), measurement.batch, layers.size(), sum);
  for (const Layer& layer : layers) {
    const std::string roofline =
        layer.floor > 0 ? fmt::format("{:>3.0f} % of its roofline  ", 100 * layer.floor / layer.milliseconds) : "";
    fmt::print("{:>9.4f} ms {:>5.1f} %  {}{:<44} {}\n", layer.milliseconds, 100 * layer.milliseconds / sum, roofline, layer.name,
               layer.kind);
  }
}

void print_table(const std::vector<Measurement>& measurements, bool from_files) {
  const RunInfo& info = measurements.front().info;
  fmt::print("{} on {}, {}; milliseconds {} results, a batch; stages a picture\n", info.engine, info.device,
             to_string(info.precision), from_files ? "from file to" : "from pixels to");
  fmt::print("{:<24} {:>5} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10}\n", "model", "batch", "p50", "p90",
             "p99", "pictures/s", "decode", "prepare", "infer", "post", "start ms", "RSS MiB", "device MiB");
  for (const Measurement& m : measurements)
    fmt::print("{:<24} {:>5} {:>8.2f} {:>8.2f} {:>8.2f} {:>10.1f} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.0f} {:>9.0f} {:>10}\n",
               printable(m.model), m.batch, m.percentile(0.5), m.percentile(0.9), m.percentile(0.99), m.pictures_per_second(),
               m.stages.decode, m.stages.preprocess, m.stages.inference, m.stages.postprocess, m.start_up_ms, m.peak_mib,
               m.device_mib ? fmt::format("{:.0f}", *m.device_mib) : "-");
  for (const Measurement& m : measurements)
    if (!m.layers.empty()) print_layers(m);
}

std::string to_json(const std::vector<Measurement>& measurements, const Flags& flags) {
  Json json{{"peregrine", version},
            {"cores", std::thread::hardware_concurrency()},
            {"from", flags.sources.empty() ? "pixels" : "files"},
            {"rect", flags.options.rect},
            {"runs", flags.runs}};
  for (const Measurement& m : measurements) {
    Json entry{{"model", m.model},
               {"engine", m.info.engine},
               {"device", m.info.device},
               {"precision", to_string(m.info.precision)},
               {"batch", m.batch},
               {"latency_ms", {{"p50", m.percentile(0.5)}, {"p90", m.percentile(0.9)}, {"p99", m.percentile(0.99)}}},
               {"pictures_per_second", m.pictures_per_second()},
               {"stages_ms",
                {{"decode", m.stages.decode},
                 {"preprocess", m.stages.preprocess},
                 {"inference", m.stages.inference},
                 {"postprocess", m.stages.postprocess}}},
               {"start_up_ms", m.start_up_ms},
               {"peak_rss_mib", m.peak_mib},
               {"objects", m.objects}};
    if (m.device_mib) entry["device_mib"] = *m.device_mib;
    for (const Layer& layer : m.layers) {
      entry["layers"].push_back({{"name", layer.name}, {"kind", layer.kind}, {"ms", layer.milliseconds}});
      if (layer.floor > 0) entry["layers"].back()["floor_ms"] = layer.floor;
    }
    json["measurements"].push_back(std::move(entry));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
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
  if (flags.json == "-")
    fmt::print("{}", to_json(measurements, flags));
  else if (!common.quiet)
    print_table(measurements, !flags.sources.empty());
  if (!flags.json.empty() && flags.json != "-") write_file(flags.json, to_json(measurements, flags));
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
  auto* baseline =
      command
          ->add_option("--baseline", flags->baseline,
                       "beside PyTorch in your own Python (auto: or the FP32 engine), each in a process")
          ->transform(CLI::CheckedTransformer(std::map<std::string, migrate::Baseline>{{"auto", migrate::Baseline::automatic},
                                                                                       {"pytorch", migrate::Baseline::pytorch},
                                                                                       {"fp32", migrate::Baseline::fp32}}));
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
