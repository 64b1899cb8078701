// A kernel provider turns a step of a plan into work on a stream. It is plain data: it enumerates the tactics
// for a step and instantiates one of them. The tuner selects among the tactics of all providers; the executor
// runs the selected ones. kernel_providers.cpp lists the providers, whose own files (kernels/*.cu,
// cudnn_conv.cpp) define them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "cuda/device.h"
#include "engine/cuda/plan/plan.h"
#include "engine/cuda/plan/schedule.h"
#include "engine/cuda/runtime/launch_context.h"

namespace peregrine::cuda {

class CublasLt;
class Cudnn;

/// The addresses of a plan's buffers while it runs.
struct Memory {
  std::vector<std::byte*> buffers;  ///< by BufferId

  /// First element of a tensor; null for an absent one.
  std::byte* at(const TensorRef& tensor) const {
    if (!tensor) return nullptr;
    return buffers[static_cast<std::size_t>(tensor.buffer)] +
           tensor.offset * static_cast<std::int64_t>(size_of(tensor.dtype));
  }
};

/// The device and the libraries that tactics are instantiated for.
struct Target {
  DeviceFacts device;
  // Null where the library is missing: its provider then has no tactics.
  Cudnn* cudnn = nullptr;
  CublasLt* cublas_lt = nullptr;
};

/// An instantiated tactic: it enqueues a step's work on a stream; kernels without PDL ignore that part of the
/// context. It allocates nothing, never synchronises and can be captured; it throws Error when a launch is
/// refused. `workspace` has Tactic::workspace_bytes.
using Launch = std::function<void(const Memory& memory, std::byte* workspace, LaunchContext context)>;

struct KernelProvider {
  std::string_view name;  ///< Tactic::provider
  /// Enumerates the tactics for a step, the most promising first; empty where the provider supports no such
  /// step. tactics_for() fills in their `provider`.
  std::vector<Tactic> (*enumerate_tactics)(const Step& step, const Target& target);
  /// Instantiates a tactic and may complete it (payload and workspace). Throws Error "engine.kernel" where
  /// the step turns out not to be supported.
  Launch (*instantiate)(const Step& step, Tactic& tactic, const Target& target);
  PdlMode pdl = PdlMode::none;  ///< never implicit_waiting: Tactic::honors_pdl_wait says that
};

/// A tactic with parameters.
inline Tactic make_tactic(std::vector<std::int64_t> parameters) {
  Tactic tactic;
  tactic.parameters = std::move(parameters);
  return tactic;
}

/// All providers. An earlier one is preferred where nothing is tuned; the last one that supports a step is
/// its reference: slow, simple, and what the others are validated against.
std::span<const KernelProvider> kernel_providers();
/// The tactics of all providers for a step, in the providers' order.
std::vector<Tactic> tactics_for(const Step& step, const Target& target);
/// Instantiates the step's tactic; an empty tactic is replaced by the default. Throws Error "engine.kernel"
/// naming the step.
Launch instantiate_tactic(const Step& step, Tactic& tactic, const Target& target);
/// The PDL mode of the kernels of an instantiated tactic.
PdlMode pdl_mode_of(const Tactic& tactic);

}  // namespace peregrine::cuda
