#include "engine/cuda/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "base/cuda/graph.h"
#include "base/cuda/memory.h"
#include "base/cuda/stream.h"
#include "base/log.h"
#include "engine/cuda/bottlenecks.h"
#include "engine/cuda/cudnn.h"
#include "engine/cuda/executor.h"
#include "engine/cuda/kernels/families.h"
#include "engine/cuda/kernels/probe.h"
#include "engine/cuda/tuner.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

/// Larger than the L2 cache of any GPU so far.
constexpr std::size_t flush_bytes = std::size_t{160} << 20;
constexpr int launches_per_graph = 10;

/// How far a candidate may be from the reference, relative to the largest value: FP16 results differ by their last
/// bits, and by the order of the sums.
double tolerance(Precision precision) { return precision == Precision::fp16 ? 4e-3 : 1e-4; }

/// Of zeros before and behind each buffer, so that what a candidate writes beside it is found: several rows of a tile.
constexpr std::size_t guard_bytes = std::size_t{64} << 10;

/// Memory of one step by itself: every buffer that it touches exists twice more, as the input to restore and as the
/// reference's result.
class Bench {
 public:
  Bench(const ExecutionPlan& plan, const Step& step, std::byte* weights, cudaStream_t stream) : stream_(stream) {
    memory_.buffers.assign(plan.buffers.size() + 1, nullptr);
    const Accesses touched = accesses(step.operation);
    for (const auto& list : {touched.reads, touched.writes})
      for (const TensorRef* tensor : list) add(plan, *tensor, weights);
    poison(plan, touched);
    for (Area& area : areas_) copy_on_device(area.initial.data(), area.live.data(), area.live.bytes(), stream_);
  }

  const Memory& memory() const { return memory_; }

  void restore() const {
    for (const Area& area : areas_) copy_on_device(area.live.data(), area.initial.data(), area.live.bytes(), stream_);
  }
  void keep_as_reference() const {
    for (const Area& area : areas_) copy_on_device(area.reference.data(), area.live.data(), area.live.bytes(), stream_);
  }
  /// Why the result is not the reference's; empty when it is.
  std::string disagreement(double tolerance) const {
    for (const Area& area : areas_) {
      auto* on_device = reinterpret_cast<Difference*>(scratch_.data());
      compare(area.live.data(), area.reference.data(), area.dtype, elements(area), on_device, stream_);
      Difference difference;
      copy_to_host("difference", &difference, on_device, sizeof difference, stream_);
      check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
      if (difference.not_finite) return fmt::format("{} elements are not finite or not written", difference.not_finite);
      if (difference.largest > tolerance * std::max(difference.scale, 1e-3f))
        return fmt::format("differs by {:.3g} of {:.3g}", difference.largest, difference.scale);
    }
    return {};
  }

 private:
  struct Area {
    DType dtype;
    DeviceBuffer live, initial, reference;
  };

  static std::int64_t elements(const Area& area) { return static_cast<std::int64_t>(area.live.bytes() / size_of(area.dtype)); }

  void add(const ExecutionPlan& plan, const TensorRef& tensor, std::byte* weights) {
    std::byte*& address = memory_.buffers[static_cast<std::size_t>(tensor.buffer)];
    const Buffer& buffer = plan.buffer(tensor.buffer);
    if (address) return;
    if (buffer.place == Buffer::Place::weights) {
      address = weights + buffer.offset;
      return;
    }
    const auto inside = static_cast<std::size_t>(buffer.bytes);
    const std::size_t bytes = inside + 2 * guard_bytes;
    Area& area = areas_.emplace_back(Area{tensor.dtype, DeviceBuffer(bytes, "a step's data while it is tuned"),
                                          DeviceBuffer(bytes, "a step's data while it is tuned"),
                                          DeviceBuffer(bytes, "a step's data while it is tuned")});
    address = area.live.data() + guard_bytes;
    fill(area.live.data(), 0, bytes, stream_);  // the guards: numbers there would count for the output's largest
    fill_random(address, area.dtype, static_cast<std::int64_t>(inside / size_of(area.dtype)),
                static_cast<std::uint32_t>(areas_.size()), stream_);
  }

  /// What a step writes and does not read starts as NaN: an element that a candidate forgets is found.
  void poison(const ExecutionPlan& plan, const Accesses& touched) {
    DeviceBuffer nan(4, "a step's data while it is tuned");
    fill(nan.data(), 0xff, nan.bytes(), stream_);
    memory_.buffers.back() = nan.data();
    for (const TensorRef* written : touched.writes) {
      const bool also_read =
          std::any_of(touched.reads.begin(), touched.reads.end(), [&](const TensorRef* r) { return *r == *written; });
      if (also_read) continue;
      Copy copy{.x = *written, .y = *written};
      copy.x.buffer = static_cast<BufferId>(plan.buffers.size());
      copy.x.offset = 0;
      for (std::size_t axis = 0; axis < copy.x.strides.rank(); ++axis) copy.x.strides[axis] = 0;
      const Step step{.name = "poison", .nodes = {}, .operation = copy, .lane = 0, .waits = {}, .choice = {}};
      Choice choice;
      prepare(step, choice, {})(memory_, nullptr, stream_);
    }
    check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");  // before `nan` is freed
    memory_.buffers.back() = nullptr;
  }

  cudaStream_t stream_;
  Memory memory_;
  std::vector<Area> areas_;
  DeviceBuffer scratch_{sizeof(Difference), "the tuner"};
};

/// A candidate made ready, with the graph that times it warm.
struct Runner {
  explicit Runner(Choice what) : choice(std::move(what)) {}
  Choice choice;
  Launch launch;
  Graph graph;
  DeviceBuffer workspace;
  double preparing_ms = 0;
  std::string rejected;
};

/// cuDNN compiles its candidates, which is nine tenths of a tuning's time when one thread does it. Here several do, each with
/// a handle of its own; what they hand over is the serialised plan, from which the tuner's own handle is ready at once.
class Compilers {
 public:
  explicit Compilers(const Target& target) : target_(target) {
    if (!target.cudnn) return;
    const unsigned threads = std::clamp(std::thread::hardware_concurrency() / 2, 1u, most_threads);
    while (libraries_.size() < threads) libraries_.push_back(std::make_unique<Cudnn>());
  }

  void compile(const Step& step, std::vector<Choice>& choices) const {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (const auto& library : libraries_)
      threads.emplace_back([&, cudnn = library.get()] {
        for (std::size_t i = next++; i < choices.size(); i = next++) compile(step, choices[i], {target_.device, cudnn});
      });
  }

 private:
  static constexpr unsigned most_threads = 8;

  static void compile(const Step& step, Choice& choice, const Target& target) {
    if (choice.candidate != cudnn_conv_family.name) return;
    try {
      const DeviceScope scope(target.device.index);
      prepare(step, choice, target);
    } catch (const Error&) {  // the tuner meets it again, and reports it
    }
  }

  const Target& target_;
  std::vector<std::unique_ptr<Cudnn>> libraries_;
};

class StepTuning {
 public:
  StepTuning(const ExecutionPlan& plan, const Step& step, const Target& target, std::byte* weights, std::byte* flush,
             const TuningOptions& options)
      : step_(step),
        target_(target),
        options_(options),
        limit_(tolerance(plan.precision)),
        starts_early_(starts_early(plan, target.device)),
        stream_(Stream::create()),
        start_(Event::create_timing()),
        end_(Event::create_timing()),
        flush_(flush),
        bench_(plan, step, weights, stream_.get()) {}

  /// The fastest of all candidates that agree with the reference.
  Choice run(const Compilers& compilers) {
    std::vector<Choice> choices = candidates(step_, target_);
    if (choices.empty()) throw failure("no kernel serves this step.");
    if (options_.narrow) options_.narrow(step_, choices);
    compilers.compile(step_, choices);
    for (Choice& choice : choices) runners_.emplace_back(std::move(choice));
    make_reference(runners_.back());
    for (Runner& runner : runners_) admit(runner);
    std::erase_if(runners_, [&](const Runner& runner) { return !runner.rejected.empty(); });
    race();
    return std::move(winner_);
  }

  /// Why the step's choice does not agree with the reference; empty when it does.
  std::string check_choice() {
    std::vector<Choice> choices = candidates(step_, target_);
    if (choices.empty()) throw failure("no kernel serves this step.");
    Runner reference(std::move(choices.back())), chosen(step_.choice);
    make_reference(reference);
    admit(chosen);
    return chosen.rejected;
  }

 private:
  Error failure(std::string_view why) const {
    return {"engine.kernel", fmt::format("{} ({}): {}", step_.name, name_of(step_.operation), why)};
  }

  void make_ready(Runner& runner) {
    const auto begin = std::chrono::steady_clock::now();
    runner.launch = prepare(step_, runner.choice, target_);
    runner.workspace = DeviceBuffer(static_cast<std::size_t>(runner.choice.workspace_bytes), "a candidate's scratch memory");
    runner.preparing_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }

  void run_once(const Runner& runner) {
    bench_.restore();
    runner.launch(bench_.memory(), runner.workspace.data(), stream_.get());
    stream_.synchronize();
  }

  void make_reference(Runner& runner) {
    make_ready(runner);
    run_once(runner);
    bench_.keep_as_reference();
  }

  /// Lets a candidate into the race when it runs and computes the same as the reference.
  void admit(Runner& runner) {
    try {
      if (!runner.launch) make_ready(runner);
      run_once(runner);
      runner.rejected = bench_.disagreement(limit_);
      if (runner.rejected.empty())
        runner.graph = Graph::capture(stream_.get(), [&] {
          const Queue queue(stream_.get(), starts_early_);  // what a kernel gains by it counts, as in service
          for (int i = 0; i < launches_per_graph; ++i) runner.launch(bench_.memory(), runner.workspace.data(), queue);
        });
    } catch (const Error& error) {
      if (error.code() == "device.lost") throw;
      runner.rejected = error.sentence();
    }
    if (runner.rejected.empty()) return;
    log::debug(fmt::format("{}: {} rejected: {}", step_.name, runner.choice.candidate, runner.rejected));
    report(runner, 0);
  }

  double measure(const Runner& runner, bool cold) {
    if (cold) fill(flush_, 0, flush_bytes, stream_.get());
    start_.record(stream_.get());
    cold ? runner.launch(bench_.memory(), runner.workspace.data(), stream_.get()) : runner.graph.launch(stream_.get());
    end_.record(stream_.get());
    end_.synchronize();
    return 1e3 * end_.milliseconds_since(start_) / (cold ? 1 : launches_per_graph);
  }

  void race() {
    Tuner tuner(runners_.size(), runners_.size() == 1 ? TunerOptions{.rounds = 3} : TunerOptions{});
    while (const auto question = tuner.next()) tuner.answer(measure(runners_[question->candidate], question->cold));
    const auto best = tuner.best();
    if (!best) throw failure("every kernel failed.");
    for (std::size_t i = 0; i < runners_.size(); ++i) report(runners_[i], tuner.time_of(i));
    winner_ = std::move(runners_[*best].choice);
    winner_.microseconds = static_cast<float>(tuner.time_of(*best));
  }

  void report(const Runner& runner, double microseconds) const {
    if (!options_.observe) return;
    Choice choice = runner.choice;
    choice.payload.clear();
    options_.observe({step_.name, std::move(choice), microseconds, runner.preparing_ms, runner.rejected});
  }

  const Step& step_;
  const Target& target_;
  const TuningOptions& options_;
  double limit_;
  bool starts_early_;
  Stream stream_;
  Event start_, end_;
  std::byte* flush_;
  Bench bench_;
  std::vector<Runner> runners_;
  Choice winner_;
};

/// What all steps share while a plan is tuned or verified.
struct Workbench {
  explicit Workbench(const ExecutionPlan& plan)
      : flush(flush_bytes, "flushing the cache between measurements"), weights(plan.weights.size(), "the weights") {
    const Stream upload = Stream::create();
    if (!plan.weights.empty()) copy_to_device("weights", weights.data(), plan.weights.data(), plan.weights.size(), upload.get());
    upload.synchronize();
  }
  DeviceBuffer flush, weights;
};

/// Steps that ask the same of a kernel, in the order in which they appear first.
std::vector<std::vector<std::size_t>> steps_alike(const ExecutionPlan& plan) {
  std::map<std::string, std::size_t> position;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto [known, is_new] = position.try_emplace(signature(plan.steps[i]), groups.size());
    if (is_new) groups.emplace_back();
    groups[known->second].push_back(i);
  }
  return groups;
}

}  // namespace

void tune(ExecutionPlan& plan, const Target& target, const TuningOptions& options) {
  const Workbench bench(plan);
  const Compilers compilers(target);
  std::map<std::string, Choice> known;  // by signature
  const auto choose = [&](ExecutionPlan& steps) {
    const auto groups = steps_alike(steps);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Step& first = steps.steps[groups[i].front()];
      const auto [choice, is_new] = known.try_emplace(signature(first));
      if (is_new) {
        if (options.progress && !options.progress(static_cast<double>(i) / static_cast<double>(groups.size()), first.name))
          throw Error("interrupted.build", "The build was cancelled.");
        choice->second = StepTuning(steps, first, target, bench.weights.data(), bench.flush.data(), options).run(compilers);
      }
      for (const std::size_t step : groups[i]) steps.steps[step].choice = choice->second;
    }
  };
  choose(plan);
  if (plan.precision != Precision::fp16) return;  // for FP32 there is no kernel that runs a bottleneck at once
  ExecutionPlan fused = with_bottlenecks(plan, [](const Step&, const Step&) { return true; });
  choose(fused);
  std::map<std::string, float> at_once;
  for (const Step& step : fused.steps)
    if (std::holds_alternative<Bottleneck>(step.operation)) at_once[step.name] = step.choice.microseconds;
  plan = with_bottlenecks(std::move(plan), [&](const Step& first, const Step& second) {
    const auto found = at_once.find(second.name);
    return found != at_once.end() && found->second < first.choice.microseconds + second.choice.microseconds;
  });
  choose(plan);  // steps beside them may have moved
}

void verify(const ExecutionPlan& plan, const Target& target) {
  const Workbench bench(plan);
  const TuningOptions silent;
  for (const std::vector<std::size_t>& group : steps_alike(plan)) {
    const Step& first = plan.steps[group.front()];
    const std::string why = StepTuning(plan, first, target, bench.weights.data(), bench.flush.data(), silent).check_choice();
    if (!why.empty())
      throw Error("engine.plan", fmt::format("The kernel chosen for {} no longer computes the right thing: {}.", first.name, why),
                  "Build the engine again.");
  }
}

}  // namespace peregrine::cuda
