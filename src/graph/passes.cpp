#include "graph/passes.h"

#include <array>

#include "graph/passes/all.h"

namespace peregrine::graph {

namespace {

constexpr std::array<Pass, 5> ordered{{
    {"fold-constants",
     "first: what is computed from constants alone becomes one, and the passes below look for constants",
     fold_constants},
    {"remove-identities",
     "before the patterns below: an identity between two nodes would hide them from each other",
     remove_identities},
    {"raise-silu", "x * sigmoid(x) becomes one Silu, which every engine fuses into the convolution before it",
     fuse_silu},
    {"absorb-affine",
     "batch-norm and constant factors and offsets go into the weights before them; after raise-silu, which "
     "leaves fewer users",
     fold_batch_norm},
    {"remove-unused", "last: sweeps up what the others left behind", remove_unused},
}};

}  // namespace

std::span<const Pass> passes() { return ordered; }

void run_passes(Graph& graph) {
  for (const Pass& pass : passes()) pass.run(graph);
}

}  // namespace peregrine::graph
