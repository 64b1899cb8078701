// The enumeration of most providers: one tactic for every step of a kind.
#pragma once

#include <variant>
#include <vector>

#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

/// KernelProvider::enumerate_tactics of a provider that supports all steps of kind S with one tactic.
template <class S>
std::vector<Tactic> single_tactic(const Step& step, const Target&) {
  if (!std::holds_alternative<S>(step.operation)) return {};
  return {Tactic{}};
}

}  // namespace peregrine::cuda
