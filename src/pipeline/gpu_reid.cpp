#include "pipeline/gpu_reid.h"

#include <algorithm>
#include <array>

#include "base/cuda/conditional.h"
#include "base/ledger.h"
#include "pipeline/build_engine.h"
#include "pipeline/model_engine.h"
#include "pipeline/service.h"
#include "postprocess/cuda/reid_rounds.h"

namespace peregrine::pipeline {

namespace {

/// A single person should not pay for sixteen, nor a crowd for rounds of one.
constexpr std::array capacities{1, 4, 16, 64};
/// Only this one is tuned; the others take its choices, so that ReID is ready as fast as one model.
constexpr int tuned_capacity = reid_batch;

static_assert(capacities.size() <= postprocess::ReidCapacities::most);

}  // namespace

GpuReid::GpuReid(const Model& model, const provision::EngineChoice& choice, int most_persons)
    : crops_(sizeof(Crop) * static_cast<std::size_t>(most_persons), "person boxes"),
      rounds_(sizeof(postprocess::ReidRounds), "ReID rounds"),
      persons_(sizeof(int), "person count") {
  if (const int fixed = model.info().fixed_batch; fixed != 0) {
    add(std::make_unique<GpuEngine>(model, choice, input_shape(model.info(), {}, fixed)));
  } else {
    const Plan tuned = build_plan(model, choice, input_shape(model.info(), {}, tuned_capacity), false);
    for (const int capacity : capacities)
      add(std::make_unique<GpuEngine>(model, choice, input_shape(model.info(), {}, capacity), &tuned));
  }
  const auto length = static_cast<std::size_t>(this->model().embedding);
  embeddings_ = cuda::PinnedBuffer(sizeof(float) * length * static_cast<std::size_t>(most_persons), "embeddings");
}

void GpuReid::add(std::unique_ptr<GpuEngine> engine) {
  Sized sized;
  sized.engine = std::move(engine);
  sized.input = cuda::DeviceBuffer(sized.engine->input_bytes(), "persons cut out");
  const Binding& binding = sized.engine->input();
  sized.view = {sized.input.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  capacities_.slots[capacities_.count++] = sized.engine->shape().batch;
  engines_.push_back(std::move(sized));
}

void GpuReid::guard_bindings(PlacementGuard& guard) const {
  for (const Sized& sized : engines_) sized.engine->guard_bindings(guard, sized.view);
}

void GpuReid::guard_batch(PlacementGuard& guard) const {
  for (const Sized& sized : engines_) sized.engine->guard_batch(guard, sized.view);
}

bool GpuReid::capturable(cudaStream_t stream) const {
  return std::ranges::all_of(engines_, [&](const Sized& sized) { return sized.engine->capturable(stream); });
}

void GpuReid::enqueue_round(std::size_t capacity, const preprocess::Picture* pictures, cudaStream_t stream) {
  const Sized& sized = engines_[capacity];
  preprocess::reid_crop_batch(pictures, crops(), count(), &rounds()->first, sized.view, stream);
  sized.engine->enqueue(sized.view, stream);
  postprocess::normalise_embeddings(sized.engine->outputs().front().view, count(), &rounds()->first,
                                    reinterpret_cast<float*>(embeddings_.data()), stream);
}

void GpuReid::capture(const preprocess::Picture* pictures, cudaStream_t stream) {
  const auto more = cuda::Condition::of_capture(stream);
  postprocess::begin_reid_rounds(rounds(), host_persons(), more, stream);
  cuda::enqueue_while(stream, more, round_stream_, [&](cudaStream_t round) {
    const auto chosen = cuda::Condition::of_capture(round);
    postprocess::choose_reid_round(rounds(), capacities_, chosen, round);
    cuda::enqueue_switch(round, chosen, capacity_stream_, static_cast<unsigned>(engines_.size()),
                         [&](unsigned capacity, cudaStream_t body) { enqueue_round(capacity, pictures, body); });
    postprocess::end_reid_round(rounds(), more, round);
  });
}

void GpuReid::run_rounds(const preprocess::Picture* pictures, cudaStream_t stream) {
  postprocess::begin_reid_rounds(rounds(), host_persons(), {}, stream);
  cuda::check(cuda::runtime().stream_synchronize(stream), "cudaStreamSynchronize");
  postprocess::ReidRounds here{.persons = persons()};
  while (here.more()) {
    const int capacity = here.choose(capacities_);
    postprocess::choose_reid_round(rounds(), capacities_, {}, stream);
    enqueue_round(static_cast<std::size_t>(capacity), pictures, stream);
    postprocess::end_reid_round(rounds(), {}, stream);
    here.end();
  }
}

void GpuReid::record_transfers() const {
  const auto bytes = sizeof(float) * static_cast<std::uint64_t>(persons()) * static_cast<std::uint64_t>(model().embedding);
  ledger::record("person count", ledger::Direction::device_to_host, sizeof(int));
  ledger::record("embeddings", ledger::Direction::device_to_host, bytes);
}

std::vector<float> GpuReid::embedding(int person) const {
  const auto length = static_cast<std::size_t>(model().embedding);
  const float* row = reinterpret_cast<const float*>(embeddings_.data()) + length * static_cast<std::size_t>(person);
  return {row, row + length};
}

}  // namespace peregrine::pipeline
