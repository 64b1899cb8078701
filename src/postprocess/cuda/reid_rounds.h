// The steps between the rounds of ReID, on the device. Each is asynchronous on `stream`, which may be capturing or not: without a
// condition of its graph a step only keeps `rounds`, for a host that decides the same by the same arithmetic.
#pragma once

#include "base/cuda/conditional.h"
#include "postprocess/reid_rounds.h"

namespace peregrine::postprocess {

/// Before the first round. `rounds` lies on the device; rounds->persons has been written and is handed on to `host_persons`
/// (mapped page-locked memory). `more` becomes 1 where there is anyone.
void begin_reid_rounds(ReidRounds* rounds, int* host_persons, const cuda::Condition& more, cudaStream_t stream);
/// The round's capacity: `chosen` becomes its place among `capacities`.
void choose_reid_round(ReidRounds* rounds, const ReidCapacities& capacities, const cuda::Condition& chosen, cudaStream_t stream);
/// After a round: `more` becomes 0 where that was the last.
void end_reid_round(ReidRounds* rounds, const cuda::Condition& more, cudaStream_t stream);

}  // namespace peregrine::postprocess
