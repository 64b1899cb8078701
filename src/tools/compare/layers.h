#pragma once

#include "graph/graph.h"

namespace peregrine::compare {

/// Marks as outputs, beside those that the graph has, what each layer computes: all but the values that an
/// activation takes up at once (so that engines still fuse the two) and those that only move numbers about.
void mark_layers(graph::Graph& graph);

}  // namespace peregrine::compare
