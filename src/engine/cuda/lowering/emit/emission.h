// Ops to steps: every tensor gets its view of a buffer, weights are packed, what cannot be a view is copied.
#pragma once

#include "engine/cuda/lowering/lowered_op.h"
#include "engine/cuda/lowering/storage.h"

namespace peregrine::cuda::lowering {

/// Appends steps, buffers, weights and traced values to `plan`, in the order of the ops.
void emit(const LoweredOps& ops, Storage& storage, const LoweringOptions& options, ExecutionPlan& plan);

/// Convolutions of one input with the same window become one op with several outputs, where readers left the
/// outputs free or wanted them side by side.
void fuse_siblings(LoweredOps& ops, const Storage& storage);

}  // namespace peregrine::cuda::lowering
