#include "postprocess/cuda/reid_rounds.h"

namespace peregrine::postprocess {
namespace {

__global__ void begin_kernel(ReidRounds* rounds, int* host_persons, cuda::Condition more) {
  rounds->begin();
  *host_persons = rounds->persons;
  more.set(rounds->more());
}

__global__ void choose_kernel(ReidRounds* rounds, ReidCapacities capacities, cuda::Condition chosen) {
  chosen.set(static_cast<unsigned>(rounds->choose(capacities)));
}

__global__ void end_kernel(ReidRounds* rounds, cuda::Condition more) {
  rounds->end();
  more.set(rounds->more());
}

}  // namespace

void begin_reid_rounds(ReidRounds* rounds, int* host_persons, const cuda::Condition& more, cudaStream_t stream) {
  begin_kernel<<<1, 1, 0, stream>>>(rounds, host_persons, more);
  cuda::check_launch("begin_reid_rounds");
}

void choose_reid_round(ReidRounds* rounds, const ReidCapacities& capacities, const cuda::Condition& chosen, cudaStream_t stream) {
  choose_kernel<<<1, 1, 0, stream>>>(rounds, capacities, chosen);
  cuda::check_launch("choose_reid_round");
}

void end_reid_round(ReidRounds* rounds, const cuda::Condition& more, cudaStream_t stream) {
  end_kernel<<<1, 1, 0, stream>>>(rounds, more);
  cuda::check_launch("end_reid_round");
}

}  // namespace peregrine::postprocess
