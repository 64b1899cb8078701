// What most families offer: one kernel for every step of a kind.
#pragma once

#include <variant>
#include <vector>

#include "engine/cuda/kernel.h"

namespace peregrine::cuda {

/// KernelFamily::candidates of a family that serves all steps of kind S in one way.
template <class S>
std::vector<Choice> only_variant(const Step& step, const Target&) {
  if (!std::holds_alternative<S>(step.operation)) return {};
  return {Choice{}};
}

}  // namespace peregrine::cuda
