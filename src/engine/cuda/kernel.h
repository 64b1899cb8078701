// How a step of a plan becomes work on a stream. A kernel family is plain data: what it can run in which variants,
// and how one of them is made ready. The tuner chooses among all candidates of all families; the executor runs the
// chosen ones. families.cpp lists them, the file of a family (kernels/*.cu, cudnn_conv.cpp) makes it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/cuda/device.h"
#include "engine/cuda/plan.h"
#include "engine/cuda/queue.h"
#include "engine/cuda/schedule.h"

namespace peregrine::cuda {

class CublasLt;
class Cudnn;

/// Where the buffers of a plan lie while it runs.
struct Memory {
  std::vector<std::byte*> buffers;  ///< by BufferId

  /// First element of a tensor; null for an absent one.
  std::byte* at(const TensorRef& tensor) const {
    if (!tensor) return nullptr;
    return buffers[static_cast<std::size_t>(tensor.buffer)] + tensor.offset * static_cast<std::int64_t>(size_of(tensor.dtype));
  }
};

/// What kernels are chosen and made ready for.
struct Target {
  DeviceFacts device;
  // Null where the library is missing: its family then has no candidates.
  Cudnn* cudnn = nullptr;
  CublasLt* cublas_lt = nullptr;
};

/// A step made ready: enqueues its work on a stream; kernels that cannot start early ignore that they may. Allocates nothing,
/// never synchronises, can be captured; throws Error when a launch is refused. `workspace` has Choice::workspace_bytes.
using Launch = std::function<void(const Memory& memory, std::byte* workspace, Queue queue)>;

struct KernelFamily {
  std::string_view name;  ///< Choice::candidate
  /// Variants that can run the step, the most promising first; empty: it does not serve such steps. Their
  /// `candidate` is filled in by candidates().
  std::vector<Choice> (*candidates)(const Step& step, const Target& target);
  /// Makes a variant ready. Throws Error "engine.kernel" when it turns out not to serve the step after all; may
  /// complete `choice` (its payload and workspace).
  Launch (*prepare)(const Step& step, Choice& choice, const Target& target);
  Start start = Start::in_order;  ///< never unasked_waiting: Choice::waits says that
};

/// A choice of a family that has variants.
inline Choice variant(std::vector<std::int64_t> parameters) {
  Choice choice;
  choice.parameters = std::move(parameters);
  return choice;
}

/// All families; an earlier one is preferred where nothing is tuned, the last one that serves a step is its
/// reference: slow, simple, and what the others are compared with.
std::span<const KernelFamily> families();
/// Candidates of all families for a step, in the families' order.
std::vector<Choice> candidates(const Step& step, const Target& target);
/// Makes the step's choice ready; an empty choice is replaced by the default. Throws Error "engine.kernel" naming the step.
Launch prepare(const Step& step, Choice& choice, const Target& target);
/// How the kernels of a choice that was made ready meet their predecessor.
Start start_of(const Choice& choice);

}  // namespace peregrine::cuda
