// Passes over a graph: one visible, ordered list, each with its reason.
#pragma once

#include <span>
#include <string_view>

#include "graph/graph.h"

namespace peregrine::graph {

struct Pass {
  std::string_view name;
  std::string_view reason;  ///< why it is there, and why at this place of the order
  void (*run)(Graph& graph);
};

/// All passes in the order in which run_passes applies them.
std::span<const Pass> passes();
/// Applies all passes; logs a dump after each at debug level.
void run_passes(Graph& graph);

}  // namespace peregrine::graph
