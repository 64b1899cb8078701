#include "engine/cuda/autotune/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <thread>

#include "core/log.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine/cuda/autotune/pdl_probe.h"
#include "engine/cuda/autotune/step_bench.h"
#include "engine/cuda/autotune/tuner.h"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/libraries/cudnn.h"
#include "engine/cuda/lowering/fuse/conv_pairs.h"
#include "engine/cuda/runtime/executor.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

/// Larger than the L2 cache of any GPU so far.
constexpr std::size_t flush_bytes = std::size_t{160} << 20;
constexpr int launches_per_graph = 10;

/// How far a tactic may be from the reference, relative to the largest value: FP16 results differ by their
/// last bits, and by the order of the sums.
double tolerance(Precision precision) { return precision == Precision::fp16 ? 4e-3 : 1e-4; }

/// An instantiated tactic, with the CUDA graph that times it with warm caches.
struct Runner {
  explicit Runner(Tactic what) : tactic(std::move(what)) {}
  Tactic tactic;
  Launch launch;
  Graph graph;
  DeviceBuffer workspace;
  double preparing_ms = 0;
  std::string rejected;
};

/// cuDNN compiles its tactics, which is nine tenths of a tuning's time when one thread does it. Here several
/// do, each with a handle of its own; what they hand over is the serialised plan, from which the tuner's own
/// handle is ready at once.
class Compilers {
 public:
  explicit Compilers(const Target& target) : target_(target) {
    if (!target.cudnn) return;
    const unsigned threads = std::clamp(std::thread::hardware_concurrency() / 2, 1u, most_threads);
    while (libraries_.size() < threads) libraries_.push_back(std::make_unique<Cudnn>());
  }

  void compile(const Step& step, std::vector<Tactic>& tactics) const {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (const auto& library : libraries_)
      threads.emplace_back([&, cudnn = library.get()] {
        for (std::size_t i = next++; i < tactics.size(); i = next++)
          compile(step, tactics[i], {target_.device, cudnn});
      });
  }

 private:
  static constexpr unsigned most_threads = 8;

  static void compile(const Step& step, Tactic& tactic, const Target& target) {
    if (tactic.provider != cudnn_conv_provider.name) return;
    try {
      const DeviceScope scope(target.device.index);
      instantiate_tactic(step, tactic, target);
    } catch (const Error&) {  // the tuner meets it again, and reports it
    }
  }

  const Target& target_;
  std::vector<std::unique_ptr<Cudnn>> libraries_;
};

class StepTuning {
 public:
  StepTuning(const ExecutionPlan& plan, const Step& step, const Target& target, std::byte* weights,
             std::byte* flush, const TuningOptions& options)
      : step_(step),
        target_(target),
        options_(options),
        limit_(tolerance(plan.precision)),
        uses_pdl_(uses_pdl(plan, target.device)),
        stream_(Stream::create()),
        start_(Event::create_timing()),
        end_(Event::create_timing()),
        flush_(flush),
        bench_(plan, step, weights, stream_.get()) {}

  /// The fastest of all tactics that agree with the reference.
  Tactic run(const Compilers& compilers) {
    std::vector<Tactic> tactics = tactics_for(step_, target_);
    if (tactics.empty()) throw failure("no kernel supports this step.");
    if (options_.narrow) options_.narrow(step_, tactics);
    compilers.compile(step_, tactics);
    for (Tactic& tactic : tactics) runners_.emplace_back(std::move(tactic));
    make_reference(runners_.back());
    for (Runner& runner : runners_) validate(runner);
    std::erase_if(runners_, [&](const Runner& runner) { return !runner.rejected.empty(); });
    measure_all();
    return std::move(winner_);
  }

  struct Check {
    std::string wrong;             ///< why the tactic does not agree with the reference; empty when it does
    bool honors_pdl_wait = false;  ///< Tactic::honors_pdl_wait, if it still holds
  };
  Check check_tactic() {
    std::vector<Tactic> tactics = tactics_for(step_, target_);
    if (tactics.empty()) throw failure("no kernel supports this step.");
    Runner reference(std::move(tactics.back())), chosen(step_.tactic);
    make_reference(reference);
    validate(chosen);
    return {chosen.rejected,
            chosen.rejected.empty() && chosen.tactic.honors_pdl_wait && passes_pdl_probe(chosen)};
  }

 private:
  Error failure(std::string_view why) const {
    return {"engine.kernel", fmt::format("{} ({}): {}", step_.name, name_of(step_.operation), why)};
  }

  void instantiate(Runner& runner) {
    const auto begin = std::chrono::steady_clock::now();
    runner.launch = instantiate_tactic(step_, runner.tactic, target_);
    runner.workspace =
        DeviceBuffer(static_cast<std::size_t>(runner.tactic.workspace_bytes), "a candidate's scratch memory");
    runner.preparing_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }

  void run_once(const Runner& runner) {
    bench_.restore();
    runner.launch(bench_.memory(), runner.workspace.data(), stream_.get());
    stream_.synchronize();
  }

  void make_reference(Runner& runner) {
    instantiate(runner);
    run_once(runner);
    bench_.keep_as_reference();
  }

  /// Validates a tactic: it runs, and its result agrees with the reference's.
  void validate(Runner& runner) {
    try {
      if (!runner.launch) instantiate(runner);
      run_once(runner);
      runner.rejected = bench_.mismatch(limit_);
      if (runner.rejected.empty())
        runner.graph = Graph::capture(stream_.get(), [&] {
          const bool pdl = uses_pdl_ && pdl_mode_of(runner.tactic) == PdlMode::secondary;
          const LaunchContext context(stream_.get(), pdl, pdl);  // PDL is part of the measured time, as in
                                                                 // production
          for (int i = 0; i < launches_per_graph; ++i)
            runner.launch(bench_.memory(), runner.workspace.data(), context);
        });
    } catch (const Error& error) {
      if (error.code() == "device.lost") throw;
      runner.rejected = error.sentence();
    }
    if (runner.rejected.empty()) return;
    log::debug(fmt::format("{}: {} rejected: {}", step_.name, runner.tactic.provider, runner.rejected));
    report(runner, 0);
  }

  double measure(const Runner& runner, bool cold) {
    if (cold) fill(flush_, 0, flush_bytes, stream_.get());
    start_.record(stream_.get());
    cold ? runner.launch(bench_.memory(), runner.workspace.data(), stream_.get())
         : runner.graph.launch(stream_.get());
    end_.record(stream_.get());
    end_.synchronize();
    return 1e3 * end_.milliseconds_since(start_) / (cold ? 1 : launches_per_graph);
  }

  void measure_all() {
    Tuner tuner(runners_.size(), runners_.size() == 1 ? TunerOptions{.rounds = 3} : TunerOptions{});
    while (const auto request = tuner.next_measurement())
      tuner.record(measure(runners_[request->tactic], request->cold));
    const auto best = tuner.best();
    if (!best) throw failure("every kernel failed.");
    for (std::size_t i = 0; i < runners_.size(); ++i) report(runners_[i], tuner.time_of(i));
    winner_ = runners_[*best].tactic;
    winner_.microseconds = static_cast<float>(tuner.time_of(*best));
    winner_.honors_pdl_wait =
        uses_pdl_ && pdl_mode_of(winner_) == PdlMode::implicit && passes_pdl_probe(runners_[*best]);
  }

  bool passes_pdl_probe(const Runner& runner) {
    const auto enqueue = [&] { runner.launch(bench_.memory(), runner.workspace.data(), stream_.get()); };
    return honors_pdl_wait(bench_, enqueue, {runner.workspace.data(), runner.workspace.bytes()}, limit_);
  }

  void report(const Runner& runner, double microseconds) const {
    if (!options_.observe) return;
    Tactic tactic = runner.tactic;
    tactic.payload.clear();
    options_.observe({step_.name, std::move(tactic), microseconds, runner.preparing_ms, runner.rejected});
  }

  const Step& step_;
  const Target& target_;
  const TuningOptions& options_;
  double limit_;
  bool uses_pdl_;
  Stream stream_;
  Event start_, end_;
  std::byte* flush_;
  StepBench bench_;
  std::vector<Runner> runners_;
  Tactic winner_;
};

/// What all steps share while a plan is tuned or verified.
struct TuningBuffers {
  explicit TuningBuffers(const ExecutionPlan& plan)
      : flush(flush_bytes, "flushing the cache between measurements"),
        weights(plan.weights.size(), "the weights") {
    const Stream upload = Stream::create();
    if (!plan.weights.empty())
      copy_to_device("weights", weights.data(), plan.weights.data(), plan.weights.size(), upload.get());
    upload.synchronize();
  }
  DeviceBuffer flush, weights;
};

/// Groups the steps by signature, in the order of their first steps.
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
  const TuningBuffers bench(plan);
  const Compilers compilers(target);
  std::map<std::string, Tactic> known;  // by signature
  const auto choose = [&](ExecutionPlan& steps) {
    const auto groups = steps_alike(steps);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Step& first = steps.steps[groups[i].front()];
      const auto [tactic, is_new] = known.try_emplace(signature(first));
      if (is_new) {
        if (options.progress &&
            !options.progress(static_cast<double>(i) / static_cast<double>(groups.size()), first.name))
          throw Error("interrupted.build", "The build was cancelled.");
        tactic->second = StepTuning(steps, first, target, bench.weights.data(), bench.flush.data(), options)
                             .run(compilers);
      }
      for (const std::size_t step : groups[i]) steps.steps[step].tactic = tactic->second;
    }
  };
  choose(plan);
  if (plan.precision != Precision::fp16) return;  // for FP32 there is no kernel that runs a pair at once
  ExecutionPlan merged = fuse_conv_pairs(plan, [](const Step&, const Step&) { return true; });
  choose(merged);
  for (Step& step : merged.steps)
    if (step.tactic.provider == unfused_pair_provider.name)
      step.tactic.microseconds = 0;  // is better off as two steps
  const SelectPair faster = faster_fused_pairs(plan, merged);
  plan = fuse_conv_pairs(std::move(plan), faster);
  choose(plan);  // steps beside them may have moved
}

void verify(ExecutionPlan& plan, const Target& target) {
  const TuningBuffers bench(plan);
  const TuningOptions silent;
  for (const std::vector<std::size_t>& group : steps_alike(plan)) {
    const Step& first = plan.steps[group.front()];
    const auto [wrong, honors_pdl_wait] =
        StepTuning(plan, first, target, bench.weights.data(), bench.flush.data(), silent).check_tactic();
    if (!wrong.empty())
      throw Error(
          "engine.plan",
          fmt::format("The kernel chosen for {} no longer computes the right thing: {}.", first.name, wrong),
          "Build the engine again: `peregrine build MODEL --rebuild`.");
    for (const std::size_t step : group) plan.steps[step].tactic.honors_pdl_wait = honors_pdl_wait;
  }
}

}  // namespace peregrine::cuda
