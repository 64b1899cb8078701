#include "engine/cuda/lowering/lowering.h"

#include "engine/cuda/lowering/emit/emission.h"
#include "engine/cuda/lowering/fuse/fusion.h"
#include "engine/cuda/lowering/table.h"
#include "engine/cuda/plan/memory_planner.h"
#include "engine/cuda/plan/schedule.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

ExecutionPlan lower(const graph::Graph& graph, const LoweringOptions& options) {
  lowering::Tabled tabled = lowering::look_up(graph);
  if (!tabled.refused.empty())
    throw Error("engine.unsupported", tabled.refused.front(),
                "Run this model with another engine (--engine).");
  lowering::LoweredOps ops(graph, std::move(tabled.ops));
  lowering::fuse(ops);

  ExecutionPlan plan;
  plan.identity.graph_digest = graph::digest(graph);
  plan.precision = options.precision;
  lowering::Storage storage(ops, options, plan);
  if (options.fuse_siblings) lowering::fuse_siblings(ops, storage);
  lowering::emit(ops, storage, options, plan);
  assign_streams(plan, options.max_streams);
  plan_memory(plan);
  return plan;
}

std::vector<std::string> unsupported(const graph::Graph& graph) { return lowering::look_up(graph).refused; }

}  // namespace peregrine::cuda
