#include "engine/cuda/lowering.h"

#include "engine/cuda/lowering/emission.h"
#include "engine/cuda/lowering/fusion.h"
#include "engine/cuda/lowering/table.h"
#include "engine/cuda/memory_planner.h"
#include "engine/cuda/schedule.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

ExecutionPlan lower(const graph::Graph& graph, const LoweringOptions& options) {
  lowering::Tabled tabled = lowering::look_up(graph);
  if (!tabled.refused.empty())
    throw Error("engine.unsupported", tabled.refused.front(), "Run this model with another engine (--engine).");
  lowering::DraftList drafts(graph, std::move(tabled.drafts));
  lowering::fuse(drafts);

  ExecutionPlan plan;
  plan.identity.graph_digest = graph::digest(graph);
  plan.precision = options.precision;
  lowering::Storage storage(drafts, options, plan);
  if (options.fuse_siblings) lowering::fuse_siblings(drafts, storage);
  lowering::emit(drafts, storage, options, plan);
  assign_lanes(plan, options.max_lanes);
  plan_memory(plan);
  return plan;
}

std::vector<std::string> unsupported(const graph::Graph& graph) { return lowering::look_up(graph).refused; }

}  // namespace peregrine::cuda
