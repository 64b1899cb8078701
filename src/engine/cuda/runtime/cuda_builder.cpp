#include "engine/cuda/runtime/cuda_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"
#include "engine/cuda/autotune/tactic_transfer.h"
#include "engine/cuda/autotune/tuning.h"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/lowering/fuse/conv_pairs.h"
#include "engine/cuda/lowering/lowering.h"
#include "engine/cuda/plan/plan_file.h"
#include "engine/cuda/runtime/cuda_engine.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

using namespace cuda;

DeviceFacts facts_of(const Device& device) {
  if (!device.on_gpu() || device_count() == 0)
    throw Error("environment.device",
                fmt::format("The cuda engine needs a CUDA device, not {}.", to_string(device)),
                "nvidia-smi should list a GPU; the driver must be 580 or newer.");
  return device_facts(device.index);
}

/// Null with a note in the log where the library is missing: the own kernels serve every step.
std::unique_ptr<Cudnn> load_cudnn() {
  try {
    return std::make_unique<Cudnn>();
  } catch (const Error& missing) {
    log::warning(fmt::format("The cuda engine runs without cuDNN's kernels: {}", missing.what()));
    return nullptr;
  }
}

std::unique_ptr<CublasLt> load_cublas_lt() {
  try {
    return std::make_unique<CublasLt>();
  } catch (const Error& missing) {
    log::debug(fmt::format("The cuda engine runs without cuBLASLt's kernels: {}", missing.what()));
    return nullptr;
  }
}

/// It takes a moment to load: only for plans that use it.
bool uses_cublas_lt(const ExecutionPlan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(),
                     [](const Step& step) { return step.tactic.provider == cublas_lt_provider.name; });
}

std::string version_of(const Cudnn* cudnn) { return cudnn ? cudnn->version() : "none"; }

PlanIdentity identity(const std::string& graph_digest, const DeviceFacts& device, const Cudnn* cudnn) {
  return {.graph_digest = graph_digest,
          .device_name = device.name,
          .compute_capability = fmt::format("{}.{}", device.major, device.minor),
          .cudnn_version = version_of(cudnn),
          .driver_version = driver_version()};
}

/// Takes the tactics of a plan for another shape; where a kernel does not serve this one, the step gets its
/// default.
void adopt(ExecutionPlan& plan, const ExecutionPlan& tuned, const Target& target) {
  plan = fuse_conv_pairs(std::move(plan), fused_pairs_of(tuned));
  transfer_tactics(plan, tuned);
  for (Step& step : plan.steps) try {
      instantiate_tactic(step, step.tactic, target);
    } catch (const Error& refusal) {
      if (refusal.code() != "engine.kernel") throw;
      log::debug(refusal.sentence() + " It runs with its default kernel at this shape.");
      step.tactic = {};
      instantiate_tactic(step, step.tactic, target);
    }
}

class CudaBuilder final : public Builder {
 public:
  std::string name() const override { return "cuda"; }
  std::string library_versions() const override { return "cudnn " + version_of(load_cudnn().get()); }
  std::string device_name(const Device& device) const override { return facts_of(device).identity(); }
  std::vector<std::string> unsupported(const graph::Graph& graph, const BuildOptions&) const override {
    return cuda::unsupported(graph);
  }

  Plan build(const graph::Graph& graph, const BuildOptions& options) const override {
    const DeviceFacts device = facts_of(options.device);
    if (options.precision == Precision::bf16)
      throw Error("usage.precision", "The cuda engine has no bf16.", "Use --precision fp16 or fp32.");
    const DeviceScope scope(device.index);
    const std::unique_ptr<Cudnn> cudnn = load_cudnn();
    const std::unique_ptr<CublasLt> cublas_lt = load_cublas_lt();
    const Target target{device, cudnn.get(), cublas_lt.get()};
    ExecutionPlan plan = lower(graph, {.precision = options.precision});
    if (options.tactics_from)
      adopt(plan, plan_from_bytes(options.tactics_from->bytes), target);
    else if (options.tune)
      tune(plan, target, {.progress = options.progress, .observe = {}, .narrow = {}});
    plan.identity = identity(graph::digest(graph), device, cudnn.get());
    return {.engine = name(),
            .precision = plan.precision,
            .library_versions = "cudnn " + plan.identity.cudnn_version,
            .device_name = device.identity(),
            .bytes = to_bytes(plan)};
  }

  std::unique_ptr<Engine> load(const Plan& plan, const Device& place, const MemoryPool* pool) const override {
    const DeviceFacts device = facts_of(place);
    const DeviceScope scope(device.index);
    std::unique_ptr<Cudnn> cudnn = load_cudnn();
    const std::string versions = "cudnn " + version_of(cudnn.get());
    if (plan.engine != name() || plan.library_versions != versions)
      throw Error("engine.plan",
                  fmt::format("The plan is for {} ({}), this is {} ({}).", plan.engine, plan.library_versions,
                              name(), versions),
                  "Build the engine again: `peregrine build MODEL --rebuild`.");
    ExecutionPlan content = plan_from_bytes(plan.bytes);
    const PlanCompatibility compatibility =
        compatibility_of(content.identity, identity(content.identity.graph_digest, device, cudnn.get()));
    if (compatibility.fit == Fit::rebuild)
      throw Error("engine.plan", compatibility.why,
                  "Build the engine again: `peregrine build MODEL --rebuild`.");
    std::unique_ptr<CublasLt> cublas_lt = uses_cublas_lt(content) ? load_cublas_lt() : nullptr;
    if (compatibility.fit == Fit::verify) {
      log::info(compatibility.why + " Checking every kernel of the plan again.");
      verify(content, {device, cudnn.get(), cublas_lt.get()});
    }
    return std::make_unique<CudaEngine>(std::move(content), device, std::move(cudnn), std::move(cublas_lt),
                                        pool);
  }
};

}  // namespace

std::unique_ptr<Builder> make_cuda_builder() { return std::make_unique<CudaBuilder>(); }

}  // namespace peregrine
