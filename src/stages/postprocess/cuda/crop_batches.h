// The steps between the rounds of ReID, on the device. Each is asynchronous on `stream`, which may be
// capturing or not: without a condition of its graph a step only keeps `rounds`, for a host that decides the
// same by the same arithmetic.
#pragma once

#include "cuda/conditional.h"
#include "stages/postprocess/tasks/reid/crop_batches.h"

namespace peregrine::postprocess {

/// Before the first round. `rounds` lies on the device; rounds->persons has been written and is handed on to
/// `host_persons` (mapped page-locked memory). `more` becomes 1 where there is anyone.
void begin_crop_batches(CropBatches* crop_batches, int* host_persons, const cuda::Condition& more,
                        cudaStream_t stream);
/// The round's capacity: `chosen` becomes its place among `buckets`.
void choose_crop_batch(CropBatches* crop_batches, const BatchBuckets& buckets, const cuda::Condition& chosen,
                       cudaStream_t stream);
/// After a round: `more` becomes 0 where that was the last.
void end_crop_batch(CropBatches* crop_batches, const cuda::Condition& more, cudaStream_t stream);

}  // namespace peregrine::postprocess
