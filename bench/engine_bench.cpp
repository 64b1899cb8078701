// The cuda engine on this machine's GPU: builds models, compares their outputs with recorded ones, and prints
// where the time goes.
//
// engine_bench [--batch 1,16] [--precision fp16] [--golden DIR] [--csv FILE] [--streams N] [--no-tune] [--top
// N] [--size N]
// [--shortlist FILE] [--plans DIR] [--json FILE] [--dependent-launch on|off] [--list] MODEL...
//   --golden DIR   DIR/STEM/images.f32 and DIR/STEM/OUTPUT.f32: one image's dense NCHW input and outputs,
//                  FP32 (tools/record_goldens.py writes them); without them the input is random and nothing
//                  is compared
//   --csv FILE     every measurement of the tuner; the debug log goes to FILE.log
//   --shortlist FILE  an earlier --csv: of cuDNN's kernels only the three race that were fastest there, if it
//                     knows the step
//   --plans DIR    DIR/STEM-bBATCH-PRECISION.plan is loaded where it exists; otherwise the tuned plan is left
//                  there
//   --json FILE    a line a model and batch: medians of rounds of back-to-back calls, and of single calls;
//                  forward pass alone, with the best class and the box of every anchor decoded, and up to
//                  objects (threshold, NMS, keypoints, masks); the device memory of the process after the
//                  forward passes, where a kept plan was all that it loaded
//   --dependent-launch on|off  whether a step may start before its predecessor on the stream is done; by
//                              default at batch 1
//   --size N       side of the image; default: the model's own
//   --list         print the plan only; needs no GPU
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>

#include "core/log.h"
#include "cuda/device.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine/cuda/autotune/tuning.h"
#include "engine/cuda/libraries/cublas_lt.h"
#include "engine/cuda/libraries/cudnn.h"
#include "engine/cuda/lowering/fuse/conv_pairs.h"
#include "engine/cuda/lowering/lowering.h"
#include "engine/cuda/plan/plan_file.h"
#include "engine/cuda/runtime/executor.h"
#include "engine/cuda/runtime/profile.h"
#include "engine_bench_options.h"
#include "formats/model.h"
#include "graph/passes.h"
#include "latency.h"
#include "outputs.h"
#include "peregrine/error.h"
#include "shortlist.h"

namespace {

using namespace peregrine;
using namespace peregrine::cuda;
using namespace peregrine::bench;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::byte> read_bytes(const fs::path& file) {
  std::vector<std::byte> bytes(fs::file_size(file));
  std::ifstream(file, std::ios::binary)
      .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_bytes(const fs::path& file, const std::vector<std::byte>& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

/// Of the device, by all processes.
std::size_t used_memory() {
  std::size_t free = 0, total = 0;
  check(runtime().memory_info(&free, &total), "cudaMemGetInfo");
  return total - free;
}

ExecutionPlan lowered(const Model& model, int batch, const Options& options, int streams) {
  const bool own_size = options.size == 0 || model.info().task == Task::reid;
  graph::Graph graph = model.graph({batch, own_size ? model.info().image_height : options.size,
                                    own_size ? model.info().image_width : options.size});
  graph::run_passes(graph);
  return lower(graph, {.precision = options.precision, .max_streams = streams});
}

class Run {
 public:
  /// `memory_before`: what was in use once there was a context.
  Run(const fs::path& model_file, int batch, const Options& options, const Target& target,
      std::size_t memory_before)
      : options_(options),
        target_(target),
        memory_before_(memory_before),
        stem_(model_file.stem().string()),
        batch_(batch),
        stream_(Stream::create()) {
    const auto begin = Clock::now();
    const Model model = load_model(model_file);
    info_ = model.info();
    ExecutionPlan plan = lowered(model, batch, options, options.streams);
    fmt::print(
        "\n== {} batch {} {}: {} steps, {} lanes, arena {:.1f} MB, weights {:.1f} MB, lowered in {:.2f} s\n",
        stem_, batch, to_string(options.precision), plan.steps.size(), plan.streams, plan.arena_bytes / 1e6,
        static_cast<double>(plan.weights.size()) / 1e6, seconds_since(begin));
    const fs::path file =
        options.plans / fmt::format("{}-b{}-{}.plan", stem_, batch, to_string(options.precision));
    const bool kept = !options.plans.empty() && fs::exists(file);
    if (options.tune && !kept) tune_plan(plan);
    if (!kept) chain_ = fuse_conv_pairs(lowered(model, batch, options, 1), fused_pairs_of(plan));
    const auto write_begin = Clock::now();
    const std::vector<std::byte> bytes = kept ? read_bytes(file) : to_bytes(plan);
    if (!options.plans.empty() && !kept) write_bytes(file, bytes);
    const double writing = seconds_since(write_begin);
    const auto load_begin = Clock::now();
    executor_.emplace(plan_from_bytes(bytes), target,
                      ExecutorOptions{.dependent_launch = options.dependent_launch});
    if (executor_->pdl_steps() > 0)
      fmt::print("{} of {} steps may start early; of those of libraries {} were found to wait\n",
                 executor_->pdl_steps(), executor_->plan().steps.size(),
                 std::ranges::count_if(executor_->plan().steps,
                                       [](const Step& step) { return step.tactic.honors_pdl_wait; }));
    fmt::print("plan {:.1f} MB, written in {:.2f} s, loaded in {:.2f} s, device memory {:.1f} MB\n",
               static_cast<double>(bytes.size()) / 1e6, writing, seconds_since(load_begin),
               static_cast<double>(executor_->device_bytes()) / 1e6);
    for (const PlanBinding& binding : executor_->plan().bindings) {
      memory_.push_back(std::make_unique<BoundMemory>(binding));
      pointers_.push_back(memory_.back()->device.data());
    }
  }

  void compare_outputs() {
    const bool recorded = fill_input();
    for (const auto& memory : memory_)
      if (memory->binding.is_input)
        copy_to_device(memory->binding.name, memory->device.data(), memory->host.data(), memory->host.size(),
                       stream_.get());
      else
        fill(memory->device.data(), 0xff, memory->host.size(), stream_.get());
    executor_->enqueue(pointers_, stream_.get());
    for (const auto& memory : memory_)
      if (!memory->binding.is_input)
        copy_to_host(memory->binding.name, memory->host.data(), memory->device.data(), memory->host.size(),
                     stream_.get());
    stream_.synchronize();
    for (const auto& memory : memory_)
      if (!memory->binding.is_input) print_difference(*memory, recorded);
  }

  void measure_total() {
    const Graph graph = Graph::capture(stream_.get(), [&] { executor_->enqueue(pointers_, stream_.get()); });
    const double replayed = median_us(stream_, 200, [&] { graph.launch(stream_.get()); });
    const double back_to_back = median_us(stream_, 20,
                                          [&] {
                                            for (int i = 0; i < 10; ++i) graph.launch(stream_.get());
                                          }) /
                                10;
    const double direct = median_us(stream_, 50, [&] { executor_->enqueue(pointers_, stream_.get()); });
    fmt::print(
        "TOTAL {} batch {}: {:.1f} us a graph replay, {:.1f} us back to back, {:.1f} us enqueued directly; "
        "graph of {} nodes\n",
        stem_, batch_, replayed, back_to_back, direct, graph.node_count());
    const Latency forward = latency(graph, stream_);
    const double memory_mb = static_cast<double>(used_memory() - memory_before_) / 1e6;
    measure_one_stream();
    if (info_.task == Task::reid) return;
    const Latency decoded = with_head(Head::decoded), objects = with_head(Head::objects);
    for (const auto& [what, time] :
         {std::pair{"FORWARD", forward}, std::pair{"DECODED", decoded}, std::pair{"OBJECTS", objects}})
      fmt::print("{} {} batch {}: {:.1f} us back to back, {:.1f} us a single call\n", what, stem_, batch_,
                 time.back_to_back_us, time.single_us);
    if (options_.json.empty()) return;
    std::ofstream(options_.json, std::ios::app)
        << fmt::format(R"({{"model":"{}","batch":{},"precision":"{}","gpu":"{}","driver":"{}","cudnn":"{}",)"
                       R"("memory_mb":{:.1f},)"
                       R"("forward_us":{{"back_to_back":{:.2f},"single":{:.2f}}},)"
                       R"("decoded_us":{{"back_to_back":{:.2f},"single":{:.2f}}},)"
                       R"("objects_us":{{"back_to_back":{:.2f},"single":{:.2f}}}}})"
                       "\n",
                       stem_, batch_, to_string(options_.precision), target_.device.name, driver_version(),
                       target_.cudnn ? target_.cudnn->version() : "none", memory_mb, forward.back_to_back_us,
                       forward.single_us, decoded.back_to_back_us, decoded.single_us, objects.back_to_back_us,
                       objects.single_us);
  }

  void measure_steps() {
    std::vector<LayerTime> layers = time_steps(*executor_, stream_.get());
    double sum = 0, least = 0;
    std::map<std::string, std::pair<int, double>> by_kind;
    for (const LayerTime& layer : layers) {
      auto& [number, us] = by_kind[layer.what.substr(0, layer.what.find(' ')) + "/" +
                                   layer.kernel.substr(0, layer.kernel.find(' '))];
      ++number, us += layer.microseconds;
      sum += layer.microseconds, least += layer.least_microseconds;
    }
    fmt::print("steps one after another {:.1f} us, their floors {:.1f} us\n", sum, least);
    for (const auto& [kind, total] : by_kind)
      fmt::print("  {:<28} {:>4} steps {:>9.1f} us\n", kind, total.first, total.second);
    std::sort(layers.begin(), layers.end(), [](const LayerTime& a, const LayerTime& b) {
      return a.microseconds - a.least_microseconds > b.microseconds - b.least_microseconds;
    });
    fmt::print("  furthest from their floor:\n");
    layers.resize(std::min(options_.top, layers.size()));
    for (const LayerTime& l : layers)
      fmt::print("  {:>8.2f} us, floor {:>7.2f} ({:>3.0f} %)  {:<34} {} [{}]\n", l.microseconds,
                 l.least_microseconds, 100 * l.least_microseconds / l.microseconds, l.name, l.what, l.kernel);
  }

 private:
  void tune_plan(ExecutionPlan& plan) {
    std::ofstream csv;
    if (!options_.csv.empty()) csv.open(options_.csv, std::ios::app);
    std::map<std::string, int> reasons;
    int tried = 0;
    double preparing = 0;
    const auto begin = Clock::now();
    const Shortlist shortlist(options_.shortlist);
    tune(plan, target_,
         {.progress = {},
          .observe =
              [&](const Measurement& m) {
                ++tried;
                preparing += m.preparing_ms;
                if (!m.rejected.empty())
                  ++reasons[fmt::format("{}: {}", m.tactic.provider, m.rejected.substr(0, 110))];
                if (csv)
                  csv << fmt::format("{};{};{};{};{};{:.2f};{:.2f};{}\n", stem_, batch_, m.step,
                                     m.tactic.provider, fmt::join(m.tactic.parameters, " "), m.microseconds,
                                     m.preparing_ms, m.rejected);
              },
          .narrow = [&](const Step& step,
                        std::vector<Tactic>& tactics) { shortlist.narrow(stem_, batch_, step, tactics); }});
    fmt::print("tuned in {:.1f} s: {} candidates, {:.1f} s to make them ready\n", seconds_since(begin), tried,
               preparing / 1e3);
    std::vector<std::pair<std::string, int>> sorted(reasons.begin(), reasons.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    for (std::size_t i = 0; i < std::min<std::size_t>(sorted.size(), 8); ++i)
      fmt::print("  rejected {:>4}x {}\n", sorted[i].second, sorted[i].first);
  }

  /// The same kernels one after another: what the streams gain.
  void measure_one_stream() {
    if (!chain_) return;
    for (std::size_t i = 0; i < chain_->steps.size(); ++i)
      chain_->steps[i].tactic = executor_->plan().steps[i].tactic;
    Executor chain(std::move(*chain_), target_, {.dependent_launch = options_.dependent_launch});
    const Latency time =
        latency(Graph::capture(stream_.get(), [&] { chain.enqueue(pointers_, stream_.get()); }), stream_);
    fmt::print("ONE LANE {} batch {}: {:.1f} us back to back\n", stem_, batch_, time.back_to_back_us);
    chain_.reset();
  }

  /// The forward pass and what follows it on the device.
  Latency with_head(Head head) {
    std::vector<postprocess::NamedTensor> outputs;
    for (const auto& memory : memory_) {
      if (memory->binding.is_input) continue;
      const TensorRef& tensor = memory->binding.tensor;
      outputs.push_back({memory->binding.name,
                         {memory->device.data(), tensor.dtype, Device::cuda(target_.device.index),
                          tensor.shape, tensor.strides}});
    }
    return latency_with_head(
        info_, outputs, batch_, head, [&] { executor_->enqueue(pointers_, stream_.get()); }, stream_);
  }

  /// Whether recorded data was found.
  bool fill_input() {
    bool recorded = true;
    for (const auto& memory : memory_) {
      if (!memory->binding.is_input) continue;
      const TensorRef& tensor = memory->binding.tensor;
      const auto values = read_floats(options_.golden / stem_ / (memory->binding.name + ".f32"));
      recorded = recorded && values && static_cast<std::int64_t>(values->size()) == image_elements(tensor);
      for (std::int64_t n = 0; n < tensor.shape[0]; ++n)
        for (std::int64_t i = 0; i < image_elements(tensor); ++i) {
          const float value =
              recorded ? (*values)[static_cast<std::size_t>(i)] : static_cast<float>(i * 7919 % 256) / 255.0f;
          memory->put(n * tensor.strides[0] + strided_offset(tensor, i), value);
        }
    }
    return recorded;
  }

  void print_difference(const BoundMemory& memory, bool recorded) const {
    const TensorRef& tensor = memory.binding.tensor;
    const auto wanted =
        recorded ? read_floats(options_.golden / stem_ / (memory.binding.name + ".f32")) : std::nullopt;
    double largest = 0, scale = 0, squares = 0, wanted_squares = 0;
    std::int64_t not_finite = 0;
    const std::int64_t elements = image_elements(tensor);
    if (wanted && static_cast<std::int64_t>(wanted->size()) != elements) {
      fmt::print("  {:<10} recorded with {} elements, here {}\n", memory.binding.name, wanted->size(),
                 elements);
      return;
    }
    for (std::int64_t n = 0; n < tensor.shape[0]; ++n)
      for (std::int64_t i = 0; i < elements; ++i) {
        const double value = memory.get(n * tensor.strides[0] + strided_offset(tensor, i));
        if (!std::isfinite(value)) ++not_finite;
        if (!wanted || !std::isfinite(value)) continue;
        const double truth = (*wanted)[static_cast<std::size_t>(i)];
        largest = std::max(largest, std::abs(value - truth));
        scale = std::max(scale, std::abs(truth));
        squares += (value - truth) * (value - truth), wanted_squares += truth * truth;
      }
    const std::string verdict = wanted ? fmt::format("max |a-b| {:.4g} of max |b| {:.4g}, relative L2 {:.3g}",
                                                     largest, scale, std::sqrt(squares / wanted_squares))
                                       : "nothing recorded to compare with";
    fmt::print("  {:<10} {:<14} {}{}\n", memory.binding.name, to_string(tensor.shape), verdict,
               not_finite ? fmt::format("  NOT FINITE: {}", not_finite) : "");
  }

  const Options& options_;
  const Target& target_;
  std::size_t memory_before_;
  std::string stem_;
  int batch_;
  ModelInfo info_;
  Stream stream_;
  std::optional<Executor> executor_;
  std::optional<ExecutionPlan> chain_;  ///< the same model lowered to one stream
  std::vector<std::unique_ptr<BoundMemory>> memory_;
  std::vector<void*> pointers_;
};

int list_all(const Options& options) {
  for (const fs::path& model : options.models)
    for (const int batch : options.batches)
      fmt::print("{}", dump(lowered(load_model(model), batch, options, options.streams)));
  return 0;
}

int run_all(const Options& options) {
  const DeviceFacts device = device_facts(0);
  const DeviceScope scope(0);
  check(runtime().free(nullptr), "cudaFree");  // creates the context
  const std::size_t memory_before = used_memory();
  const auto begin = Clock::now();
  std::unique_ptr<Cudnn> cudnn;
  try {
    cudnn = std::make_unique<Cudnn>();
  } catch (const Error& missing) {
    fmt::print("no cuDNN: {}\n", missing.what());
  }
  fmt::print("{}; driver for CUDA {}; cuDNN {} loaded in {:.2f} s\n", device.identity(), driver_version(),
             cudnn ? cudnn->version() : "none", seconds_since(begin));
  std::unique_ptr<CublasLt> cublas_lt;
  try {
    cublas_lt = std::make_unique<CublasLt>();
  } catch (const Error& missing) {
    fmt::print("no cuBLASLt: {}\n", missing.what());
  }
  const Target target{device, cudnn.get(), cublas_lt.get()};
  int failures = 0;
  for (const fs::path& model : options.models)
    for (const int batch : options.batches) try {
        Run run(model, batch, options, target, memory_before);
        run.compare_outputs();
        run.measure_total();
        run.measure_steps();
      } catch (const Error& error) {
        ++failures;
        fmt::print("FAILED {} batch {}: {} ({})\n", model.filename().string(), batch, error.what(),
                   error.code());
        if (error.code() == "device.lost") return 1;
      }
  return failures ? 1 : 0;
}

}  // namespace

int main(int count, char** values) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    const Options options = parse(count, values);
    std::ofstream log_file;
    if (!options.csv.empty()) log_file.open(options.csv.string() + ".log", std::ios::app);
    log::set_level(log::Level::debug);
    std::mutex one_at_a_time;
    log::set_sink([&](log::Level level, std::string_view line) {
      const std::lock_guard lock(one_at_a_time);
      if (level >= log::Level::warning) fmt::print("log: {}\n", line);
      if (log_file) log_file << line.substr(0, 400) << '\n';
    });
    return options.list ? list_all(options) : run_all(options);
  } catch (const Error& error) {
    fmt::print("{} ({})\n", error.what(), error.code());
    return 3;
  }
}
