// Drafts to steps: every tensor gets its view of a buffer, weights are packed, what cannot be a view is copied.
#pragma once

#include "engine/cuda/lowering/draft.h"
#include "engine/cuda/lowering/storage.h"

namespace peregrine::cuda::lowering {

/// Appends steps, buffers, weights and traced values to `plan`, in the order of the drafts.
void emit(const DraftList& drafts, Storage& storage, const LoweringOptions& options, ExecutionPlan& plan);

/// Convolutions of one input with the same window become one draft with several outputs, where readers left the outputs
/// free or wanted them side by side.
void fuse_siblings(DraftList& drafts, const Storage& storage);

}  // namespace peregrine::cuda::lowering
